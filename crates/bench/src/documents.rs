//! The documents that are read: the shipped runbooks' own sections and made-up ones, shuffled by a fixed seed.
//!
//! Every run on every machine reads the same bytes. A document has one level-one heading, because mask stops at a
//! second one, and it is shorter by at most one line's length than what was asked for.

/// One thousand bytes, as file sizes are usually counted.
pub(crate) const KB: usize = 1_000;
/// A million bytes.
pub(crate) const MB: usize = 1_000_000;

/// The runbooks that come with Blocks: what its authors think a good one looks like.
const SHIPPED: &[&str] = &[
    include_str!("../../../runbooks/flow_failure_response.md"),
    include_str!("../../../runbooks/rollback_to_previous_version.md"),
    include_str!("../../../runbooks/rollback_to_pilot.md"),
    include_str!("../../../runbooks/rollback_to_manual_review.md"),
];

const FRONT_MATTER: &str = "---\ntitle: Bring the queue back\nservice: queue\nkind: triage\nseverity: [P1, P2]\nmatch: [backlog, \"queue depth\"]\nowner: SRE\nparams:\n  namespace: { description: where it runs, default: production, pattern: \"[a-z0-9-]{1,63}\" }\n---\n\n# Bring the queue back\n\n";

/// Sections as teams write them by hand: less tidy than the shipped ones. `@` becomes a number.
const MADE: &[&str] = &[
    "## Step @: See how far behind the workers are (5 min)\n\nThe depth is what counts, *not* the age of the oldest job. Below 200 nothing has to be done; above **5,000** go on with\nthe next section at once and tell [the team](team.md).\n\n```bash {effect=read timeout=30s}\n# How many jobs wait\nkubectl exec -n \"$namespace\" deploy/queue-@ -- queuectl depth\n# Expected: < 200\n\n# Every worker is up\nkubectl get deployment queue-worker-@ -n \"$namespace\"\n# Expected: 5/5 ready\n```\n\n",
    "## Before you begin @\n\n- [ ] You are in the incident's channel, and it has a commander.\n- [ ] Nobody else restarts workers now; `queue-@` is locked.\n- [ ] The last deployment is known: when, what, by whom.\n  - a configuration change counts too\n  - so does a changed secret\n\nOtherwise stop here.\n\n",
    "### Limits @\n\n| figure | normal | act | page somebody |\n| --- | ---: | ---: | ---: |\n| queue depth | 0 to 200 | 1,000 | 5,000 |\n| oldest job | 30 s | 5 min | 15 min |\n| failed jobs | 0.1 % | 2 % | 10 % |\n| workers ready | 5 of 5 | 4 of 5 | 3 of 5 |\n\nThe figures are of `queue-@` in production and come from the dashboard, which looks back *five minutes*.\n\n",
    "## Restart the workers @\n\n1. Look which worker hangs:\n\n   ```bash\n   kubectl get pods -n \"$namespace\" -l app=queue-worker-@\n   # Expected: All pods Running (5/5)\n   ```\n\n2. Restart them one after the other. Jobs that were being worked on are handed out again, so this takes nothing away:\n\n   ```bash {effect=idempotent timeout=120s}\n   kubectl rollout restart deployment/queue-worker-@ -n \"$namespace\"\n   kubectl rollout status deployment/queue-worker-@ -n \"$namespace\" --timeout=90s\n   # Expected: \"successfully rolled out\" within 2 min\n   ```\n\n3. Wait for the depth to fall. It does so slowly at first.\n\n",
    "## A session from last time @\n\n```console\n$ queuectl show queue-@ --format table\nNAME      DEPTH  OLDEST  WORKERS\nqueue-@   4711   312s    5\n# Expected: \"queue-@\"\n$ curl -s -o /dev/null -w '%{http_code}\\n' \"http://queue-@/healthz\"\n200\n# Expected: HTTP 200\n```\n\n> The depth was read at the worst moment. It fell below 200 within ten minutes, and nobody had to be woken.\n\n",
    "## Database @\n\nWhen jobs wait for a lock, the workers look idle. This says who holds it:\n\n```bash\npsql \"$DATABASE_URL\" -c \"\n  select pid, state, wait_event, left(query, 60)\n  from pg_stat_activity where state <> 'idle' and datname = 'queue_@';\"\n# Expected: 0-20 rows\n```\n\n```sql\nselect count(*) from jobs where shard = @ and failed;\n```\n\n",
    "**Step @: Turn the intake down (10 min)**\n\nHalf of it is usually enough; the rest waits outside and is sent again by itself.\n\n```bash {effect=once timeout=60s}\n# Halve the intake\nfor gate in gate-a gate-b gate-c; do\n  kubectl set env \"deployment/$gate\" -n \"$namespace\" INTAKE_PERCENT=50 SHARD=@\ndone\n# Expected: env updated\n```\n\n```bash {undo effect=once timeout=60s}\nfor gate in gate-a gate-b gate-c; do\n  kubectl set env \"deployment/$gate\" -n \"$namespace\" INTAKE_PERCENT=100\ndone\n```\n\n",
    "### Why this happens @\n\nThe workers ask for ten jobs at a time and confirm each one by itself. When the store answers slowly, a batch outlives its\nlease and is handed out a second time; then two workers do the same job, one of them for nothing, and the depth grows although\neverybody is busy. `lease_seconds` in the configuration is the first thing to look at, `batch` the second. See also\n<https://example.com/queue/leases> and the note from the [review](reviews/queue.md) that followed the long night.\n\n```yaml\nqueue-@:\n  batch: 10\n  lease_seconds: 30\n```\n\n",
    "## Ask the metrics @\n\n```bash\n# Jobs that failed in the last five minutes\ncurl -s \"http://prometheus:9090/api/v1/query\" --data-urlencode 'query=sum(rate(jobs_failed_total{shard=\"@\"}[5m]))' | jq -r '.data.result[0].value[1]'\n# Expected: < 0.5\n\n# Logs of the slowest worker\nkubectl logs -n \"$namespace\" <pod> --since=10m | grep -c 'lease lost'\n# Verify that it is not growing\n```\n\n",
];

/// Makes a document of `bytes` bytes. `variant` tells documents of one size apart.
pub(crate) fn document(bytes: usize, variant: u64) -> String {
    let shipped = shipped_sections();
    let mut random = Random(variant.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0x5DEE_CE66_D1CE_CAFE);
    let mut text = String::with_capacity(bytes);
    text.push_str(FRONT_MATTER);
    let mut number = 0_u64;
    // three made-up sections to one shipped one, which is longer and is about one subject
    while text.len() < bytes {
        number += 1;
        let section = if random.below(4) == 0 {
            pick(&shipped, random.below(shipped.len())).replace("{name=", &format!("{{name=n{number}-"))
        } else {
            pick(MADE, random.below(MADE.len())).replace('@', &number.to_string())
        };
        if text.len() + section.len() > bytes {
            break;
        }
        text.push_str(&section);
    }
    while text.len() + FILLER.len() <= bytes {
        text.push_str(FILLER);
    }
    text
}

/// Fills up a document whose next section would not fit.
const FILLER: &str = "Write down what you saw, and when.\n\n";

fn pick<'a>(sections: &[&'a str], at: usize) -> &'a str {
    sections.get(at).copied().unwrap_or_default()
}

/// The shipped runbooks from their first `## ` on, cut at each `## `.
fn shipped_sections() -> Vec<&'static str> {
    let mut sections = Vec::new();
    for text in SHIPPED {
        let mut starts: Vec<usize> = text.match_indices("\n## ").map(|(at, _)| at + 1).collect();
        starts.push(text.len());
        sections.extend(starts.windows(2).filter_map(|pair| text.get(pair[0]..pair[1])));
    }
    sections
}

/// A small generator of numbers (xorshift): the same on every machine.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap_or(0) % limit.max(1)
    }
}

#[cfg(test)]
mod tests {
    use runbook_core::runbook::{Level, parse};

    use super::*;

    #[test]
    fn a_document_is_as_long_as_asked_for_and_always_the_same() {
        for bytes in [10 * KB, 57 * KB, MB] {
            let text = document(bytes, 7);
            assert!(text.len() <= bytes && text.len() + FILLER.len() > bytes, "{bytes}: {}", text.len());
            assert_eq!(text, document(bytes, 7));
            assert_ne!(text, document(bytes, 8));
        }
    }

    #[test]
    fn a_document_is_a_runbook_without_errors() {
        for variant in 0..20 {
            let document = parse("made", &document(10 * KB, variant));
            let errors: Vec<_> = document.diagnostics.iter().filter(|d| d.level == Level::Error).collect();
            assert!(errors.is_empty(), "{variant}: {errors:?}");
            let commands: usize = document.steps.iter().map(|step| step.commands.len()).sum();
            assert!(commands >= 10, "{variant}: {commands}");
        }
    }

    #[test]
    fn mask_sees_a_whole_document() {
        // it stops at a second heading of level one
        let text = document(100 * KB, 3);
        let made = mask_parser::parse(crate::sides::for_mask(&text).to_owned());
        let found = made.to_json().map_or(0, |json| json.to_string().len());
        assert!(found > text.len() / 4, "{found}");
    }
}
