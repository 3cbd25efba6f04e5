//! The three traps: a series divided by itself, a rate per second taken as another, a quantile without `by (le)`.

use std::collections::BTreeSet;

use super::super::super::codes;
use super::Trap;
use super::read::Expr;

/// Looks at each part of a query.
pub(super) fn visit(expr: &Expr, found: &mut Vec<Trap>) {
    match expr {
        Expr::Number(_) | Expr::Text | Expr::Selector { .. } => {}
        Expr::Aggregate { args, .. } => args.iter().for_each(|arg| visit(arg, found)),
        Expr::Call { at, name, args } => {
            if name == "histogram_quantile" {
                quantile(*at, args, found);
            }
            args.iter().for_each(|arg| visit(arg, found));
        }
        Expr::Binary { at, op, matching, left, right } => {
            if op == "/" && !matching {
                self_ratio(*at, left, right, found);
            }
            if op == "*" || op == "/" {
                product(*at, expr, found);
                // the factors' own parts; the chain itself has been looked at as a whole
                for part in chain(expr).0 {
                    visit(part, found);
                }
                return;
            }
            visit(left, found);
            visit(right, found);
        }
    }
}

/// The factors of a chain of `*` and `/` with the divisors left out of the numbers, each ratio in it noted.
fn chain(expr: &Expr) -> (Vec<&Expr>, Vec<f64>) {
    let (mut parts, mut numbers) = (Vec::new(), Vec::new());
    let mut todo = vec![(expr, false)];
    while let Some((expr, divides)) = todo.pop() {
        match expr {
            Expr::Binary { op, left, right, .. } if op == "*" || op == "/" => {
                todo.push((left, divides));
                todo.push((right, divides != (op == "/")));
            }
            Expr::Number(number) => numbers.push(if divides { 1.0 / number } else { *number }),
            other => parts.push(other),
        }
    }
    (parts, numbers)
}

/// Hours of a day, a week, a month, a year, and minutes of a day, a week, a month.
const NOT_SECONDS: &[f64] = &[24.0, 168.0, 720.0, 744.0, 8760.0, 1440.0, 10_080.0, 43_200.0];
/// Seconds of a minute, an hour, a day, a week, months and a year.
const SECONDS: &[f64] =
    &[60.0, 3600.0, 86_400.0, 604_800.0, 2_592_000.0, 2_678_400.0, 2_628_000.0, 31_536_000.0];

fn product(at: usize, expr: &Expr, found: &mut Vec<Trap>) {
    // ratios inside the chain; the outermost one has been looked at
    let mut todo = vec![expr];
    while let Some(Expr::Binary { left, right, .. }) = todo.pop() {
        for inner in [left.as_ref(), right.as_ref()] {
            let Expr::Binary { at, op, matching, left, right } = inner else { continue };
            if op == "/" && !matching {
                self_ratio(*at, left, right, found);
            }
            if op == "*" || op == "/" {
                todo.push(inner);
            }
        }
    }
    let (parts, numbers) = chain(expr);
    let total: f64 = numbers.iter().product();
    let about = |list: &[f64], value: f64| list.iter().any(|known| (value / known - 1.0).abs() < 1e-9);
    // a factor of ten is another unit: cents, milliseconds
    let is_seconds = (-3..=6).any(|tens| about(SECONDS, total / 10_f64.powi(tens)));
    let other = numbers
        .iter()
        .copied()
        .find(|number| about(NOT_SECONDS, *number))
        .or_else(|| about(NOT_SECONDS, total).then_some(total));
    if let Some(factor) = other.filter(|_| !is_seconds)
        && parts.len() == 1
        && parts.iter().any(|part| is_per_second(part))
    {
        found.push(Trap {
            code: codes::PROMQL_PER_SECOND,
            at,
            message: format!(
                "rate() is per second: times {factor} it is far too small for an hour, a day or a month"
            ),
            hint: "multiply by 3600 for an hour, 86400 for a day, or use increase()",
        });
    }
}

/// Whether the value is a rate per second, through sums and the like.
fn is_per_second(expr: &Expr) -> bool {
    match expr {
        Expr::Call { name, args, .. } => match name.as_str() {
            "rate" | "irate" | "deriv" => true,
            "abs" | "ceil" | "floor" | "round" | "clamp_min" | "clamp_max" | "sum_over_time"
            | "avg_over_time" | "max_over_time" => args.iter().any(is_per_second),
            _ => false,
        },
        Expr::Aggregate { args, .. } => args.iter().any(is_per_second),
        Expr::Binary { op, left, right, .. } => {
            matches!(op.as_str(), "+" | "-") && (is_per_second(left) || is_per_second(right))
        }
        _ => false,
    }
}

fn self_ratio(at: usize, left: &Expr, right: &Expr, found: &mut Vec<Trap>) {
    if let Some(name) = grouped_self_ratio(left, right) {
        found.push(Trap {
            code: codes::PROMQL_SELF_RATIO,
            at,
            message: format!("each group of `{name}` is divided by itself: the groups keep the label that the matcher names, so the answer is always 1"),
            hint: "group by other labels, or leave the label of the matcher out of `by (...)`",
        });
        return;
    }
    let (Some((name, above)), Some((below_name, below))) = (series(left), series(right)) else { return };
    let same = name == below_name && (above.is_superset(below) || below.is_superset(above));
    if same && !name.is_empty() {
        found.push(Trap {
            code: codes::PROMQL_SELF_RATIO,
            at,
            message: format!("each series of `{name}` is divided by itself: the labels on both sides match, so the answer is always 1"),
            hint: "sum both sides before dividing: sum(...) / sum(...)",
        });
    }
}

/// The series of `sum by (l) (x{l="a"}) / sum by (l) (x)`: what the matchers differ in is what the groups keep apart, so
/// both sides of a group are the same. With any other label it is a share, and right.
fn grouped_self_ratio<'e>(left: &'e Expr, right: &'e Expr) -> Option<&'e str> {
    let (
        Expr::Aggregate { without, labels, args },
        Expr::Aggregate { without: below_without, labels: below_labels, args: below_args },
    ) = (left, right)
    else {
        return None;
    };
    let sorted = |labels: &[String]| labels.iter().cloned().collect::<BTreeSet<String>>();
    if without != below_without || sorted(labels) != sorted(below_labels) {
        return None;
    }
    let ([only], [below]) = (args.as_slice(), below_args.as_slice()) else { return None };
    let ((name, above), (below_name, below)) = (series(only)?, series(below)?);
    let nested = above.is_superset(below) || below.is_superset(above);
    let label = |matcher: &str| matcher.split(['=', '!', '~']).next().unwrap_or_default().trim().to_owned();
    let kept = |matcher: &String| labels.contains(&label(matcher)) != *without;
    let same =
        name == below_name && !name.is_empty() && nested && above.symmetric_difference(below).all(kept);
    same.then_some(name)
}

/// The one series whose labels the expression keeps; numbers beside it change nothing.
fn series(expr: &Expr) -> Option<(&str, &BTreeSet<String>)> {
    match expr {
        Expr::Selector { name, matchers } => Some((name, matchers)),
        Expr::Call { name, args, .. } => {
            let keeps =
                matches!(name.as_str(), "rate" | "irate" | "increase" | "delta" | "idelta" | "deriv" | "abs")
                    || name.ends_with("_over_time");
            match args.as_slice() {
                [only] if keeps => series(only),
                _ => None,
            }
        }
        Expr::Binary { op, left, right, .. } if op == "*" || op == "/" => {
            match (left.as_ref(), right.as_ref()) {
                (Expr::Number(_), other) if op == "*" => series(other),
                (other, Expr::Number(_)) => series(other),
                _ => None,
            }
        }
        _ => None,
    }
}

fn quantile(at: usize, args: &[Expr], found: &mut Vec<Trap>) {
    let Some(buckets) = args.get(1) else { return };
    let problem = match buckets {
        Expr::Aggregate { without: false, labels, .. } if labels.iter().any(|label| label == "le") => return,
        Expr::Aggregate { without: true, labels, .. } if labels.iter().all(|label| label != "le") => return,
        Expr::Aggregate { args, .. } if args.iter().any(of_buckets) => {
            "the buckets are summed without keeping `le`, so there is no quantile of them"
        }
        other if of_buckets(other) => "each pod gives its own quantile: the buckets are not summed by `le`",
        _ => return,
    };
    found.push(Trap {
        code: codes::PROMQL_QUANTILE,
        at,
        message: problem.to_owned(),
        hint: "sum first: histogram_quantile(0.95, sum by (le) (rate(..._bucket[5m])))",
    });
}

/// Classic buckets; native histograms have no `le`.
fn of_buckets(expr: &Expr) -> bool {
    series(expr).is_some_and(|(name, _)| name.ends_with("_bucket"))
}
