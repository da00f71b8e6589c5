# Reads the output of `cargo test` and writes one line for each suite that it
# started: name, passed, failed, not run, remark, between tabs. The name says
# `guest` for a kernel and `host` for a program; a remark says what is wrong
# with the suite besides failed tests.
#
# Of an ordinary suite the last result counts: a failing test of the runner
# shows the output of the kernel that it started, with that kernel's own result
# in it. Doc tests are several runs under one heading, so all of theirs count.

function close_suite(    remark) {
    if (suite == "") return
    if (!results) remark = "ended without a result"
    else if (passed + failed == 0) remark = bad ? "failed without a failed test" : "ran no test"
    else if (bad && failed == 0) remark = "failed without a failed test"
    printf "%s\t%d\t%d\t%d\t%s\n", suite, passed, failed, not_run, remark
}

function open_suite(name) {
    close_suite()
    suite = name
    doc = name ~ / \(doc\)$/
    results = passed = failed = not_run = bad = 0
}

{ sub(/\r$/, "") }

# "     Running unittests src/lib.rs (target/debug/deps/faultline_memory-0123456789abcdef)"
/^ +Running .* \([^ ]+\)$/ {
    place = $NF ~ /x86_64-unknown-none/ ? "guest " : "host "
    name = $NF
    gsub(/^\(|\)$/, "", name)
    sub(/^.*\//, "", name)
    sub(/-[0-9a-f]+$/, "", name)
    open_suite(place name)
}

/^ +Doc-tests / { open_suite("host " $2 " (doc)") }

# "test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out"
/^test result: / {
    if (!doc) passed = failed = not_run = bad = 0
    results++
    bad = bad || $3 != "ok."
    for (field = 4; field < NF; field++) {
        if ($(field + 1) ~ /^passed/) passed += $field
        else if ($(field + 1) ~ /^failed/) failed += $field
        else if ($(field + 1) ~ /^(ignored|filtered)/) not_run += $field
        else if ($(field + 1) == "not" && $(field + 2) ~ /^run/) not_run += $field
    }
}

END { close_suite() }
