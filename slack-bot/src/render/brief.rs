//! What a shared channel shows of an incident that has a channel of its own.

use runbook_core::message::BriefView;

use super::page::{Page, Rendered};
use super::text::line;

/// Renders two lines: what it is and how it stands, and where it is talked about. Nobody is mentioned.
pub(crate) fn brief(view: &BriefView) -> Rendered {
    let mut page = Page::new(&format!("{} {} {}", view.severity, view.number, view.title));
    let status = line(&view.status, 100);
    let commander =
        view.commander.as_deref().map_or_else(|| "nobody commands yet".to_owned(), |who| line(who, 100));
    let mut facts = vec![
        format!("*Status:* {status}   *Service:* {}   *Commander:* {commander}", line(&view.service, 100)),
        format!("Detected at {}{}", view.detected_at.format("%H:%M UTC"), place(&view.home)),
    ];
    facts.extend(view.ended.as_deref().map(|ended| format!("*Ended:* {}", line(ended, 300))));
    page.lines(facts);
    page.finish(&format!("{} {} {}: {}", view.severity, view.number, view.title, view.status))
}

/// `, led in #inc-12-shop`: Slack shows an id as the channel's name.
fn place(home: &str) -> String {
    let is_id = home.len() > 1 && home.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit());
    if is_id { format!(", led in <#{home}>") } else { String::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view() -> BriefView {
        BriefView {
            number: "INC-12".to_owned(),
            title: "<!channel> is slow".to_owned(),
            severity: "P1".to_owned(),
            status: "mitigating".to_owned(),
            service: "shop".to_owned(),
            detected_at: "2025-12-09T14:02:11Z".parse().unwrap(),
            commander: Some("ana (acting)".to_owned()),
            ended: None,
            home: "C0INC12".to_owned(),
        }
    }

    #[test]
    fn it_says_how_it_stands_and_where_and_pings_nobody() {
        let shown = serde_json::to_string(&brief(&view()).blocks).unwrap();
        for wanted in ["P1 INC-12", "mitigating", "ana (acting)", "14:02 UTC", "led in <#C0INC12>"] {
            assert!(shown.contains(wanted), "{wanted}: {shown}");
        }
        assert!(!brief(&view()).text.contains("<!channel>"), "{shown}");
        assert!(!shown.contains("actions"), "no button: it is led in its own channel");
    }

    #[test]
    fn what_is_no_id_becomes_no_link() {
        let odd = BriefView { home: "C1> <!channel".to_owned(), ..view() };
        let shown = serde_json::to_string(&brief(&odd).blocks).unwrap();
        assert!(!shown.contains("<#"), "{shown}");
    }
}
