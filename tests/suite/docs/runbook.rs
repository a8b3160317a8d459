//! Every alert is explained, and found from the runbook.

use std::collections::BTreeSet;
use std::fs;

use super::pages::{Page, pages, repository};

fn page(path: &str) -> Page {
    pages().into_iter().find(|page| page.path == path).unwrap_or_else(|| panic!("{path}"))
}

/// The alerts of the rules for Prometheus, each with the text of its rule.
fn rules() -> Vec<(String, String)> {
    let text = fs::read_to_string(repository().join("packaging/prometheus/rules.yml")).expect("the rules");
    let rules = text.split("- alert: ").skip(1);
    rules.map(|rule| (rule.lines().next().unwrap_or_default().trim().to_owned(), rule.to_owned())).collect()
}

#[test]
fn every_alert_has_its_place_in_the_runbook_and_leads_to_what_explains_it() {
    let (runbook, alerts, rules) = (page("docs/runbook.md"), page("docs/alerts.md"), rules());
    assert!(rules.len() > 10, "{rules:?}");
    let linked: BTreeSet<String> = runbook.links().into_iter().map(|(_, target)| target).collect();
    for (name, rule) in &rules {
        let anchor = name.to_lowercase();
        assert!(alerts.anchors().contains(&anchor), "docs/alerts.md explains {name}");
        assert!(linked.contains(&format!("alerts.md#{anchor}")), "docs/runbook.md links to {name}");
        assert!(
            rule.contains(&format!("docs/alerts.md#{anchor}")),
            "the rule {name} says where it is explained"
        );
    }
    let headings = alerts.anchors().into_iter().filter(|anchor| anchor.starts_with("snowgate")).count();
    assert_eq!(headings, rules.len(), "docs/alerts.md explains alerts that are in no rule");
}
