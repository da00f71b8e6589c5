//! Finds OVMF, the UEFI firmware for QEMU, where the distributions put it.
//!
//! OVMF comes as two flash images: code, shared and never written, and
//! variables, of which every run gets a private copy; or as one file with both,
//! of which a run then gets a private copy as a whole. `./setup` looks into the
//! same folders; a test keeps the two lists in step.

use std::path::{Path, PathBuf};
use std::{fs, io};

use anyhow::{Context, Result, anyhow, bail};

/// The folders searched, in this order.
pub const FOLDERS: [&str; 8] = [
    "/usr/share/OVMF",          // Debian, Ubuntu, Fedora
    "/usr/share/ovmf/x64",      // Arch, older
    "/usr/share/edk2/ovmf",     // Fedora
    "/usr/share/edk2/x64",      // Arch
    "/usr/share/edk2-ovmf/x64", // Arch, older
    "/usr/share/qemu",          // openSUSE, and QEMU's own copy
    "/opt/homebrew/share/qemu", // macOS on Apple's processors
    "/usr/local/share/qemu",    // macOS on Intel, QEMU built from source
];

/// The names of code and variables that belong together, the likeliest first.
const PAIRS: [(&str, &str); 5] = [
    ("OVMF_CODE_4M.fd", "OVMF_VARS_4M.fd"),
    ("OVMF_CODE.4m.fd", "OVMF_VARS.4m.fd"),
    ("OVMF_CODE.fd", "OVMF_VARS.fd"),
    ("edk2-x86_64-code.fd", "edk2-i386-vars.fd"),
    ("ovmf-x86_64-code.bin", "ovmf-x86_64-vars.bin"),
];

/// Flash comes in blocks of this size.
const FLASH_BLOCK: usize = 4096;

/// The firmware's flash images as files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ovmf {
    /// Code and variables apart
    Pair {
        /// Never written
        code: PathBuf,
        /// The template of the variables
        vars: PathBuf,
    },
    /// Code and variables in one file
    Whole(PathBuf),
}

/// The firmware that `--ovmf` names, or the first one found in `folders`.
///
/// # Errors
/// One line that says where it was looked for and what would be right.
pub fn find(named: Option<&Path>, folders: &[&Path]) -> Result<Ovmf> {
    if let Some(path) = named {
        return if path.is_dir() {
            pair_in(path).ok_or_else(|| {
                anyhow!(
                    "--ovmf: no OVMF code file with its variables in the folder {}",
                    path.display()
                )
            })
        } else {
            at(path)
        };
    }
    let found = folders.iter().find_map(|folder| pair_in(folder));
    found.ok_or_else(|| {
        anyhow!("OVMF, the UEFI firmware, was not found: run ./setup, or name it with --ovmf PATH")
    })
}

fn pair_in(folder: &Path) -> Option<Ovmf> {
    PAIRS.iter().find_map(|(code, vars)| {
        let (code, vars) = (folder.join(code), folder.join(vars));
        (code.is_file() && vars.is_file()).then_some(Ovmf::Pair { code, vars })
    })
}

/// The firmware in a file that a person named.
fn at(path: &Path) -> Result<Ovmf> {
    if !path.is_file() {
        bail!("--ovmf: there is no file {}", path.display());
    }
    if !holds_code(path).with_context(|| format!("--ovmf: {} cannot be read", path.display()))? {
        bail!(
            "--ovmf: {} holds no firmware that can start (its variables alone, perhaps): \
             name the code file, with the variables beside it",
            path.display()
        );
    }
    let name = path
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let known = PAIRS
        .iter()
        .find(|(code, _)| *code == name)
        .map(|(_, vars)| (*vars).to_owned());
    let vars = known.or_else(|| {
        let replaced = name.replace("CODE", "VARS").replace("code", "vars");
        (replaced != name).then_some(replaced)
    });
    let Some(vars) = vars else {
        return Ok(Ovmf::Whole(path.to_owned()));
    };
    let vars = path.with_file_name(vars);
    if !vars.is_file() {
        bail!(
            "--ovmf: {} holds code only, and its variables are not beside it as {}",
            path.display(),
            vars.display()
        );
    }
    Ok(Ovmf::Pair {
        code: path.to_owned(),
        vars,
    })
}

/// Whether a flash image has what the processor executes first: its last 16 bytes. Those of a file
/// with variables alone are empty flash.
fn holds_code(path: &Path) -> io::Result<bool> {
    let bytes = fs::read(path)?;
    let first_code = bytes.last_chunk::<16>();
    Ok(bytes.len().is_multiple_of(FLASH_BLOCK)
        && first_code.is_some_and(|code| *code != [0xFF; 16]))
}

/// Flash images ready for one run of QEMU.
#[derive(Debug)]
pub struct Flash {
    /// Attached read-only, when code and variables are apart
    pub code: Option<PathBuf>,
    /// The run's own copy, attached writable
    pub private: PathBuf,
}

/// Makes the private copy of what the firmware writes to, in `folder`.
///
/// # Errors
/// The copy cannot be made.
pub fn prepare(ovmf: &Ovmf, folder: &Path) -> Result<Flash> {
    let (code, template) = match ovmf {
        Ovmf::Pair { code, vars } => (Some(code.clone()), vars),
        Ovmf::Whole(path) => (None, path),
    };
    let private = folder.join("flash.fd");
    // By content, not by `fs::copy`, which would copy a read-only file's rights too.
    let bytes = fs::read(template);
    bytes
        .and_then(|bytes| fs::write(&private, bytes))
        .with_context(|| format!("no private copy of {} can be made", template.display()))?;
    Ok(Flash { code, private })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder_with(names: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for name in names {
            let variables = name.to_lowercase().contains("vars");
            let kind = if variables { 0xFF } else { 0x90 };
            fs::write(folder.path().join(name), [kind; FLASH_BLOCK]).unwrap();
        }
        folder
    }

    fn names(ovmf: &Ovmf) -> Vec<String> {
        let files = match ovmf {
            Ovmf::Pair { code, vars } => vec![code, vars],
            Ovmf::Whole(path) => vec![path],
        };
        files
            .iter()
            .map(|path| path.file_name().unwrap().to_string_lossy().into_owned())
            .collect()
    }

    #[test]
    fn each_distributions_pair_is_found() {
        for (code, vars) in PAIRS {
            let folder = folder_with(&[code, vars]);
            let found = find(None, &[Path::new("/no/such/folder"), folder.path()]).unwrap();
            assert_eq!(names(&found), [code, vars]);
        }
    }

    #[test]
    fn code_without_its_variables_is_passed_over() {
        let half = folder_with(&["OVMF_CODE_4M.fd", "OVMF_VARS.fd"]);
        let whole = folder_with(&["OVMF_CODE.fd", "OVMF_VARS.fd"]);
        let found = find(None, &[half.path(), whole.path()]).unwrap();
        assert_eq!(names(&found), ["OVMF_CODE.fd", "OVMF_VARS.fd"]);
    }

    #[test]
    fn nothing_found_is_one_line_that_names_setup() {
        let error = find(None, &[]).unwrap_err().to_string();
        assert!(
            error.contains("./setup") && error.contains("--ovmf"),
            "{error}"
        );
        assert_eq!(error.lines().count(), 1);
    }

    #[test]
    fn a_named_code_file_brings_the_variables_beside_it() {
        let folder = folder_with(&[
            "edk2-x86_64-code.fd",
            "edk2-i386-vars.fd",
            "MY_CODE.fd",
            "MY_VARS.fd",
        ]);
        for (code, vars) in [
            ("edk2-x86_64-code.fd", "edk2-i386-vars.fd"),
            ("MY_CODE.fd", "MY_VARS.fd"),
        ] {
            let found = find(Some(&folder.path().join(code)), &[]).unwrap();
            assert_eq!(names(&found), [code, vars]);
        }
    }

    #[test]
    fn a_named_file_that_is_not_called_code_holds_both() {
        let folder = folder_with(&["OVMF.fd"]);
        let found = find(Some(&folder.path().join("OVMF.fd")), &[]).unwrap();
        assert_eq!(names(&found), ["OVMF.fd"]);
    }

    #[test]
    fn variables_alone_and_what_is_no_flash_image_are_refused() {
        let folder = folder_with(&["OVMF_VARS.fd", "OVMF_CODE.fd"]);
        let text = folder.path().join("text");
        fs::write(&text, "no firmware").unwrap();
        for path in [folder.path().join("OVMF_VARS.fd"), text] {
            let error = find(Some(&path), &[]).unwrap_err().to_string();
            assert!(error.contains("name the code file"), "{error}");
        }
    }

    #[test]
    fn a_named_folder_is_searched_and_a_missing_name_is_an_error() {
        let folder = folder_with(&["OVMF_CODE.fd", "OVMF_VARS.fd", "LONE_CODE.fd"]);
        assert_eq!(names(&find(Some(folder.path()), &[]).unwrap()).len(), 2);
        for (name, words) in [("missing.fd", "no file"), ("LONE_CODE.fd", "LONE_VARS.fd")] {
            let error = find(Some(&folder.path().join(name)), &[])
                .unwrap_err()
                .to_string();
            assert!(error.contains(words), "{error}");
        }
    }

    #[test]
    fn a_run_writes_to_its_own_copy_even_of_a_read_only_template() {
        let folder = folder_with(&["OVMF_CODE.fd", "OVMF_VARS.fd"]);
        let vars = folder.path().join("OVMF_VARS.fd");
        let mut rights = fs::metadata(&vars).unwrap().permissions();
        rights.set_readonly(true);
        fs::set_permissions(&vars, rights).unwrap();
        let run = tempfile::tempdir().unwrap();
        let flash = prepare(&find(Some(folder.path()), &[]).unwrap(), run.path()).unwrap();
        assert_eq!(flash.code.unwrap(), folder.path().join("OVMF_CODE.fd"));
        assert!(flash.private.starts_with(run.path()));
        assert!(
            !fs::metadata(&flash.private)
                .unwrap()
                .permissions()
                .readonly()
        );
        assert_eq!(fs::read(&flash.private).unwrap(), [0xFF; FLASH_BLOCK]);
    }

    #[test]
    fn setup_looks_into_the_same_folders() {
        let setup = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../setup")).unwrap();
        let (_, list) = setup
            .split_once("for folder in ")
            .expect("setup has the loop over the folders");
        let (list, _) = list.split_once(';').unwrap();
        let folders: Vec<_> = list
            .split_whitespace()
            .filter(|word| *word != "\\")
            .collect();
        assert_eq!(folders, FOLDERS);
    }
}
