//! What a person has filled in or chosen, as an interaction carries it.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

/// What stands in the fields of a message or a modal: every field, `null` where nothing was filled in.
pub(in crate::slack) fn fields(blocks: &Value, filled: &BTreeMap<String, String>) -> Value {
    let mut values = Map::new();
    for block in blocks.as_array().into_iter().flatten().filter(|block| block["type"] == "input") {
        let (id, element) = (block["block_id"].as_str().unwrap_or_default(), &block["element"]);
        let action = element["action_id"].as_str().unwrap_or_default();
        let mut state = json!({"type": element["type"]});
        match filled.get(action).map(String::as_str) {
            // A field that was left empty holds nothing.
            None | Some("") => state[kept_in(element)] = Value::Null,
            Some(text) => {
                let _ = choose(&mut state, element, text);
            }
        }
        values.insert(id.to_owned(), json!({ action: state }));
    }
    Value::Object(values)
}

/// What stands in the fields of a modal before anybody has filled them in.
pub(in crate::slack) fn initial(blocks: &Value) -> BTreeMap<String, String> {
    let inputs = blocks.as_array().into_iter().flatten().filter(|block| block["type"] == "input");
    let one = |block: &Value| {
        let element = &block["element"];
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let several = element["initial_options"]
            .as_array()
            .map(|all| all.iter().filter_map(|one| one["value"].as_str()).collect::<Vec<_>>().join("\n"));
        let value = text(&element["initial_value"])
            .or_else(|| text(&element["initial_option"]["value"]))
            .or(several)?;
        Some((text(&element["action_id"])?, value))
    };
    inputs.filter_map(one).collect()
}

/// Where an element's state stands.
fn kept_in(element: &Value) -> &'static str {
    match element["type"].as_str().unwrap_or_default() {
        "static_select" | "radio_buttons" | "overflow" | "external_select" => "selected_option",
        "multi_static_select" | "checkboxes" => "selected_options",
        "users_select" => "selected_user",
        "multi_users_select" => "selected_users",
        "channels_select" => "selected_channel",
        "conversations_select" => "selected_conversation",
        "datepicker" => "selected_date",
        "timepicker" => "selected_time",
        _ => "value",
    }
}

/// Puts what was chosen into an element's state; `None` when it is none of the element's options. Several are separated
/// by line breaks.
pub(in crate::slack) fn choose(state: &mut Value, element: &Value, chosen: &str) -> Option<()> {
    let option = |wanted: &str| {
        let groups = element["option_groups"].as_array().into_iter().flatten();
        let lists = groups.map(|group| &group["options"]).chain([&element["options"]]);
        lists.filter_map(Value::as_array).flatten().find(|one| one["value"] == wanted).cloned()
    };
    let key = kept_in(element);
    state[key] = match key {
        "selected_option" => option(chosen)?,
        "selected_options" => chosen.lines().map(option).collect::<Option<Vec<_>>>()?.into(),
        "selected_users" => chosen.lines().collect(),
        _ => chosen.into(),
    };
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_field_keeps_its_state_where_slack_keeps_it() {
        let option = |value: &str| json!({"value": value, "text": {"type": "plain_text", "text": value}});
        let cases = [
            (json!({"type": "plain_text_input"}), "why", json!({"value": "why"})),
            (json!({"type": "plain_text_input"}), "", json!({"value": null})),
            (json!({"type": "datepicker"}), "2026-01-02", json!({"selected_date": "2026-01-02"})),
            (json!({"type": "users_select"}), "U0ANA", json!({"selected_user": "U0ANA"})),
            (
                json!({"type": "static_select", "options": [option("a"), option("b")]}),
                "b",
                json!({"selected_option": option("b")}),
            ),
            (
                json!({"type": "checkboxes", "options": [option("a"), option("b")]}),
                "a\nb",
                json!({"selected_options": [option("a"), option("b")]}),
            ),
        ];
        for (mut element, filled, mut expected) in cases {
            element["action_id"] = json!("f");
            expected["type"] = element["type"].clone();
            let blocks = json!([{"type": "input", "block_id": "b", "element": element}]);
            let filled = BTreeMap::from([("f".to_owned(), filled.to_owned())]);
            assert_eq!(fields(&blocks, &filled), json!({"b": {"f": expected}}));
        }
        let element = json!({"type": "static_select", "options": [option("a")]});
        assert_eq!(choose(&mut json!({}), &element, "z"), None);
        assert_eq!(fields(&json!([{"type": "divider"}]), &BTreeMap::new()), json!({}));
    }
}
