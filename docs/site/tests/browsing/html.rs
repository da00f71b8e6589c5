//! A page of the site as a browser reads it: anchors, addresses, code.

use std::cell::RefCell;
use std::collections::BTreeSet;

use html5ever::tokenizer::states::RawKind;
use html5ever::tokenizer::{
    BufferQueue, Tag, TagKind, Token, TokenSink, TokenSinkResult, Tokenizer, TokenizerOpts,
};

/// What an address is there for, by element and attribute.
const ADDRESSES: [(&str, &str); 8] = [
    ("a", "href"),
    ("base", "href"),
    ("form", "action"),
    ("iframe", "src"),
    ("img", "src"),
    ("link", "href"),
    ("script", "src"),
    ("source", "src"),
];

/// What a page holds, in its order.
#[derive(Default)]
pub(crate) struct Page {
    /// Where links can lead to.
    pub(crate) anchors: BTreeSet<String>,
    /// All classes of all elements.
    pub(crate) classes: BTreeSet<String>,
    pub(crate) addresses: Vec<Address>,
    /// The text of each block of code.
    pub(crate) code: Vec<String>,
}

/// An address that a page leads to or loads.
#[derive(Default)]
pub(crate) struct Address {
    pub(crate) element: String,
    pub(crate) target: String,
    pub(crate) relation: Option<String>,
    /// What is to be read.
    pub(crate) words: String,
    /// Whether all of that is code.
    pub(crate) is_code: bool,
}

impl Page {
    pub(crate) fn read(html: &str) -> Self {
        let queue = BufferQueue::default();
        queue.push_back(html.into());
        let tokenizer = Tokenizer::new(Reader::default(), TokenizerOpts::default());
        let _ = tokenizer.feed(&queue);
        tokenizer.end();
        tokenizer.sink.state.take().page
    }
}

#[derive(Default)]
struct State {
    page: Page,
    is_in_block: bool,
    is_in_code: bool,
    is_in_link: bool,
}

#[derive(Default)]
struct Reader {
    state: RefCell<State>,
}

impl TokenSink for Reader {
    type Handle = ();

    fn process_token(&self, token: Token, _line: u64) -> TokenSinkResult<()> {
        let mut state = self.state.borrow_mut();
        match token {
            Token::TagToken(tag) if tag.kind == TagKind::StartTag => return state.start(&tag),
            Token::TagToken(tag) => state.end(&tag.name),
            Token::CharacterTokens(words) => state.words(&words),
            _ => {}
        }
        TokenSinkResult::Continue
    }
}

impl State {
    fn start(&mut self, tag: &Tag) -> TokenSinkResult<()> {
        let name = &*tag.name;
        let attribute = |name: &str| {
            let found = tag.attrs.iter().find(|it| &*it.name.local == name);
            found.map(|it| it.value.to_string())
        };
        if let Some(id) = attribute("id") {
            assert!(
                self.page.anchors.insert(id.clone()),
                "two elements have the id {id}"
            );
        }
        let classes = attribute("class").unwrap_or_default();
        self.page
            .classes
            .extend(classes.split_whitespace().map(str::to_owned));
        for (_, attribute_name) in ADDRESSES.iter().filter(|(element, _)| *element == name) {
            self.page
                .addresses
                .extend(attribute(attribute_name).map(|target| Address {
                    element: name.to_owned(),
                    target,
                    relation: attribute("rel"),
                    words: String::new(),
                    is_code: true,
                }));
        }
        match name {
            "a" => self.is_in_link = attribute("href").is_some(),
            "pre" => self.is_in_block = true,
            "code" => {
                self.is_in_code = true;
                if self.is_in_block {
                    self.page.code.push(String::new());
                }
            }
            "script" => return TokenSinkResult::RawData(RawKind::ScriptData),
            "style" => return TokenSinkResult::RawData(RawKind::Rawtext),
            _ => {}
        }
        TokenSinkResult::Continue
    }

    fn end(&mut self, name: &str) {
        match name {
            "a" => self.is_in_link = false,
            "pre" => self.is_in_block = false,
            "code" => self.is_in_code = false,
            _ => {}
        }
    }

    fn words(&mut self, words: &str) {
        if self.is_in_block && self.is_in_code {
            self.page
                .code
                .last_mut()
                .expect("one has begun")
                .push_str(words);
        }
        if self.is_in_link {
            let link = self.page.addresses.last_mut().expect("one has begun");
            link.words.push_str(words);
            link.is_code &= self.is_in_code;
        }
    }
}

#[test]
fn a_page_is_taken_apart() {
    let page = Page::read(
        "<script>if (a<b) '<a href=\"no\">'</script><h1 id=\"a\" class=\"b c\"><a rel=\"next\" href=\"d\">to <code>e</code></a></h1>\
         <img src=\"f\"><pre><code>g &lt;\n<b>h</b></code></pre><code>i</code><a href=\"j\"><code>k</code></a>",
    );
    assert_eq!(page.anchors, BTreeSet::from(["a".to_owned()]));
    assert_eq!(page.classes, ["b", "c"].map(str::to_owned).into());
    assert_eq!(page.code, ["g <\nh"]);
    let addresses = page.addresses.iter();
    let addresses: Vec<_> = addresses
        .map(|it| {
            (
                it.element.as_str(),
                it.target.as_str(),
                it.relation.as_deref(),
                it.words.as_str(),
                it.is_code,
            )
        })
        .collect();
    assert_eq!(
        addresses,
        [
            ("a", "d", Some("next"), "to e", false),
            ("img", "f", None, "", true),
            ("a", "j", None, "k", true),
        ]
    );
}
