//! The answer of Prometheus' query API, and what promtool prints of it.

use super::json::{self, Json};

/// What a query answered.
#[derive(Debug, PartialEq)]
pub(crate) enum Answer {
    /// One value per series.
    Series(Vec<f64>),
    /// The query failed.
    Failed(String),
    /// An answer that no number can be taken from.
    Other(&'static str),
}

/// Reads an answer; `None` when the output is something else.
pub(crate) fn answer(stdout: &str) -> Option<Answer> {
    let text = stdout.trim();
    if !text.starts_with('{') {
        return None;
    }
    match json::documents(text) {
        Some(documents) => match documents.as_slice() {
            [one] => api(one),
            _ => None,
        },
        None => promtool(text),
    }
}

fn api(answer: &Json) -> Option<Answer> {
    let status = answer.get("status")?.text()?;
    if status == "error" {
        let kind = answer.get("errorType")?.text()?;
        let said = answer.get("error").and_then(Json::text).unwrap_or_default();
        return Some(Answer::Failed(format!("{kind}: {said}")));
    }
    let data = answer.get("data")?;
    let kind = data.get("resultType")?.text()?;
    if status != "success" {
        return Some(Answer::Other("the query's status is not known"));
    }
    let warned =
        answer.get("warnings").is_some_and(|list| !matches!(list, Json::List(items) if items.is_empty()));
    let partial = answer.get("isPartial").and_then(Json::scalar).is_some_and(|partial| partial != "false");
    if warned || partial {
        return Some(Answer::Other("the query's answer comes with warnings"));
    }
    let result = data.get("result");
    let values: Option<Vec<f64>> = match (kind, result) {
        ("vector", Some(Json::List(series))) => {
            series.iter().map(|one| one.get("value").and_then(sample)).collect()
        }
        ("scalar", Some(pair)) => sample(pair).map(|value| vec![value]),
        _ => return Some(Answer::Other("the query's answer is not one value per series")),
    };
    Some(values.map_or(Answer::Other("a series has no single value"), Answer::Series))
}

/// `[1735689600.1, "0.02"]`
fn sample(pair: &Json) -> Option<f64> {
    let Json::List(parts) = pair else { return None };
    match parts.as_slice() {
        [Json::Number(_), Json::Text(value)] => value.parse().ok(),
        _ => None,
    }
}

/// `{job="web"} => 0.02 @[1735689600.1]`
fn promtool(text: &str) -> Option<Answer> {
    let mut values = Vec::new();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let (_, value) = line.rsplit_once(" => ")?;
        let (value, time) = value.trim().split_once(" @[")?;
        time.strip_suffix(']')?.parse::<f64>().ok()?;
        values.push(value.trim().parse().ok()?);
    }
    Some(Answer::Series(values))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers() {
        let vector = |result: &str| {
            format!("{{\"status\":\"success\",\"data\":{{\"resultType\":\"vector\",\"result\":[{result}]}}}}")
        };
        assert_eq!(answer(&vector("")), Some(Answer::Series(vec![])));
        let two = vector(
            "{\"metric\":{\"value\":\"x\"},\"value\":[1.5,\"1e-05\"]},{\"metric\":{},\"value\":[1,\"+Inf\"]}",
        );
        assert_eq!(answer(&two), Some(Answer::Series(vec![1e-5, f64::INFINITY])));
        let scalar = "{\"status\":\"success\",\"data\":{\"resultType\":\"scalar\",\"result\":[1,\"7\"]}}";
        assert_eq!(answer(scalar), Some(Answer::Series(vec![7.0])));
        let failed = "{\"status\":\"error\",\"errorType\":\"bad_data\",\"error\":\"no\"}";
        assert_eq!(answer(failed), Some(Answer::Failed("bad_data: no".into())));
        assert_eq!(
            answer("{a=\"1\"} => 3 @[17.5]\n{a=\"2\"} => 4 @[17.5]"),
            Some(Answer::Series(vec![3.0, 4.0]))
        );
        assert_eq!(answer("{\"status\":\"error\"}"), None);
        let partial = vector("").replace("\"status\"", "\"warnings\":[\"partial\"],\"status\"");
        assert!(matches!(answer(&partial), Some(Answer::Other(_))));
    }
}
