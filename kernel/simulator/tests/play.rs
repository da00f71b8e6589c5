use simulator::Page;
#[test]
fn print() {
    for name in ["objects","straddle","zero","protect","reuse","fork","clock"] {
        let mut page = Page::new();
        page.request(&format!("start {name}"));
        println!("=== {name}");
        loop {
            let answer = page.request("next");
            let Some(line) = &answer.line else { break };
            println!("> {line}\n{}", answer.said.trim_end());
            println!("    {:?}", answer.cost);
            for e in &answer.episodes { println!("  -- {} {:#x} {}", e.access, e.address, e.ended); for s in &e.steps { println!("     {} [{}] {} {:?}", s.kind, s.moment, s.text, s.lines); } }
        }
        let a = page.request("view 0x10000");
        println!("{:?}", a.total);
        println!("{}", page.answer("view 0x10000").len());
    }
}
