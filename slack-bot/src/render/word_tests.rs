//! Where the slash command has another name, what is rendered names that one.

use runbook_core::form::{FieldKind, Form, FormField, FormFor};
use runbook_core::message::{CardView, ProgressView};

use super::tests::{card_view, plan_view, progress_view, texts};
use super::{ask, card, form, plan, progress};
use crate::command_word::CommandWord;

#[test]
fn every_text_of_ours_names_the_command_as_it_is_typed_here() {
    let word = CommandWord::new("/incident").unwrap();
    let mut view = CardView {
        suggestions: vec!["`/blocks ack` to take it".to_owned()],
        runs: vec!["waits: `/blocks runbook status 1`".to_owned()],
        reminders: Some("held; `/blocks reminders on` ends it".to_owned()),
        ..card_view()
    };
    let shown = texts(&card(&word, &view));
    for wanted in ["`/incident ack`", "`/incident runbook status 1`", "`/incident reminders on`"] {
        assert!(shown.contains(wanted), "{wanted}: {shown}");
    }
    assert!(!shown.contains("/blocks"), "{shown}");
    view.evidence = vec![view.evidence[0].clone(); 200];
    view.suggestions = vec!["y".repeat(400); 12];
    view.changes = vec!["x".repeat(400); 12];
    view.runs = vec!["z".repeat(400); 12];
    assert!(texts(&card(&word, &view)).contains("`/incident incident show`"));

    let mut view = plan_view();
    view.steps[0].commands = vec!["x".repeat(5_000)];
    view.steps[0].undo = Some("ls `/blocks x`".to_owned());
    let shown = texts(&plan(&word, &view));
    assert!(shown.contains("`/incident runbook approve"), "{shown}");
    assert!(shown.contains("ls `/blocks x`"), "what would run is shown as it is: {shown}");

    let mut view = progress_view();
    let shown = |view: &ProgressView| texts(&progress(&word, view));
    if let Some(question) = &mut view.question {
        question.text = "look with `/blocks runbook status 1`".to_owned();
    }
    assert!(shown(&view).contains("`/incident runbook status 1`"), "{}", shown(&view));
    view.steps = vec![view.steps[0].clone(); 2_000];
    assert!(shown(&view).contains("Not everything fits here: `/incident runbook status"));

    let asked = ask(&word, None, "`/blocks ack INC-1` takes it", None);
    assert!(asked.text.contains("/incident ack INC-1") && !asked.text.contains("/blocks"), "{}", asked.text);

    let field = FormField {
        name: "x".to_owned(),
        label: "x".to_owned(),
        help: Some("as `/blocks help` says".to_owned()),
        kind: FieldKind::Line { max: 10 },
        value: Some("`/blocks x` was typed".to_owned()),
        is_required: false,
    };
    let form = form(
        &word,
        &Form {
            about: FormFor::Declare,
            channel: "C1".to_owned(),
            title: "x".to_owned(),
            lead: "or `/blocks declare TITLE`".to_owned(),
            submit: "x".to_owned(),
            fields: vec![field],
        },
    );
    assert!(
        form["blocks"][0]["text"]["text"].as_str().unwrap().contains("/incident declare TITLE"),
        "{form}"
    );
    assert_eq!(form["blocks"][1]["hint"]["text"], "as `/incident help` says");
    assert_eq!(form["blocks"][1]["element"]["initial_value"], "`/blocks x` was typed", "a person's own");
}
