//! For each rule, texts that it must notice and texts that it must leave alone.

use super::super::{Code, codes, parse};

/// How often the code is found in a document with one step around the body.
fn count(body: &str, code: Code) -> usize {
    parse("x", &format!("# T\n\n## Step\n\n{body}"))
        .diagnostics
        .iter()
        .filter(|finding| finding.code == code)
        .count()
}

fn shell(code: Code, bad: &[&str], good: &[&str]) {
    for text in bad {
        assert!(count(&format!("```bash\n{text}\n```\n"), code) > 0, "{code} misses: {text}");
    }
    for text in good {
        assert_eq!(count(&format!("```bash\n{text}\n```\n"), code), 0, "{code} is wrong about: {text}");
    }
    assert!(bad.len() >= 3 && good.len() >= 3, "{code}");
}

#[test]
fn revisions() {
    shell(
        codes::UNPINNED_UNDO,
        &[
            "kubectl rollout undo deployment/a -n b",
            "kubectl -n b rollout undo deploy a",
            "if bad; then kubectl rollout undo deploy/a; fi",
        ],
        &[
            "kubectl rollout undo deployment/a -n b --to-revision=3",
            "kubectl rollout undo deployment/a -n b --to-revision \"$R\"",
            "kubectl rollout status deployment/a -n b",
            "echo kubectl rollout undo",
        ],
    );
}

#[test]
fn namespaces() {
    shell(
        codes::NO_NAMESPACE,
        &[
            "kubectl scale deployment a --replicas=0",
            "kubectl delete pod a",
            "sudo kubectl exec a -- rake task",
            "timeout 5 kubectl rollout restart deploy/a",
        ],
        &[
            "kubectl scale deployment a --replicas=0 -n b",
            "kubectl delete namespace a",
            "kubectl exec -it deploy/a -- env | grep X",
            "kubectl exec a -- head -n 3 f",
            "kubectl apply -f a.yaml",
            "kubectl drain node-1",
            "kubectl delete pods --all -A",
            "kubectl config set-context --current --namespace=b\nkubectl delete pod a",
        ],
    );
    shell(
        codes::NEIGHBOUR_NAMESPACE,
        &[
            "kubectl get pods -n b\nkubectl get events",
            "kubectl logs deploy/a\nkubectl rollout status deploy/a --namespace=b",
            "kubectl get pods,nodes\nkubectl -n b get deploy",
        ],
        &[
            "kubectl get pods\nkubectl get events",
            "kubectl get pods -n b\nkubectl get nodes",
            "kubectl get pods -n b\nkubectl get events -A",
            "kubectl get pods -n b\nkubectl describe node n1\nkubectl get clusterissuer",
            "kubectl get pods -nb\nkubectl version",
        ],
    );
}

#[test]
fn destructive() {
    shell(
        codes::DESTRUCTIVE,
        &[
            "kubectl delete deployment a -n b",
            "kubectl drain node-1 --ignore-daemonsets",
            "kubectl scale deploy/a -n b --replicas=0",
            "rm -rf /var/lib/a",
            "helm uninstall a -n b",
            "psql -c 'DROP TABLE a'",
            "psql -h h -tAc \"delete from a where b = 1\"",
            "aws ec2 terminate-instances --instance-ids i-1",
            "aws --region r s3 rm s3://b/k",
            "ssh host 'rm -r /srv/a'",
            "truncate -s 0 log",
            "mkfs.ext4 /dev/sdb1",
            "sudo mkfs -t xfs /dev/sdb1",
            "iptables -F",
            "iptables -t nat --flush",
            "nft flush ruleset",
            "reboot",
            "sudo shutdown -h now",
            "systemctl reboot",
            "halt -p",
            "zpool destroy tank",
            "zfs destroy -r tank/a",
            "lvremove -y vg/lv",
            "userdel -r ana",
            "crontab -r",
            "crontab -u ana -r",
            "git push --force origin main",
            "git push -f",
            "git push origin +main",
            "git push origin :old",
            "git push origin --delete old",
            "curl -X DELETE https://a.example/v1/x",
            "curl -sXDELETE https://a.example/v1/x",
            "curl --request DELETE https://a.example/v1/x",
            "mongosh --eval 'db.dropDatabase()'",
            "mongo shop --eval 'db.orders.drop()'",
            "kafka-topics --bootstrap-server b:9092 --delete --topic a",
            "kafka-topics.sh --delete --topic a",
            "kubectl apply -n b -f - <<E\nspec:\n  replicas: 0\nE",
            "kubectl patch deploy a -n b -p '{\"spec\": {\"replicas\": 0}}'",
            "> /var/log/a.log",
            ": > /etc/a.conf",
            "cat /dev/null > /var/log/a.log",
            "echo -n > /srv/a",
            "redis-cli -h h flushall",
            "dropdb shop",
            "aws s3 rm s3://b --recursive",
            "terraform destroy -auto-approve",
            "helm uninstall a -n b",
            "for n in a b; do kubectl delete node \"$n\"; done",
        ],
        &[
            "rm file",
            "shutdown -c",
            "iptables -L -n",
            "iptables -A INPUT -s 192.0.2.1 -j DROP",
            "nft list ruleset",
            "zpool status",
            "crontab -l",
            "git push origin main",
            "git push --follow-tags",
            "git fetch --force",
            "curl -X POST https://a.example/v1/DELETE",
            "curl -s https://a.example/X",
            "mongosh --eval 'db.stats()'",
            "kafka-topics --list",
            "kubectl apply -n b -f - <<E\nspec:\n  replicas: 3\nE",
            "cat <<E\nreplicas: 0\nE",
            "> /tmp/a",
            "> out.txt",
            "echo a > /etc/a.conf",
            "ls > /dev/null",
            "kubectl scale deploy/a -n b --replicas=3",
            "kubectl delete pod a -n b --dry-run=client",
            "psql -c 'select count(*) from dropped'",
            "docker run --rm a",
            "rm -rf /tmp/scratch",
            "echo 'kubectl delete pod a'",
        ],
    );
    let undone = "```bash\nkubectl delete pod a -n b\n```\n\n```bash {undo}\nkubectl apply -f a.yaml\n```\n";
    assert_eq!(count(undone, codes::DESTRUCTIVE), 0);
}

#[test]
fn secrets() {
    shell(
        codes::SECRET_PRINTED,
        &[
            "set -x\ncurl -H \"Authorization: Bearer $(cat t)\" https://a.example",
            "set -eux\ncurl -H \"X-Api-Key: $K\" https://a.example",
            "set -o xtrace\ncurl -u \"ana:$API_TOKEN\" https://a.example",
            "kubectl get secret a -n b -o yaml",
            "kubectl get secrets -n b -ojson | jq .",
            "kubectl get secret a -n b -o jsonpath='{.data.password}' | base64 -d",
            "cat server.key",
            "cat ~/.aws/credentials",
            "printenv",
            "kubectl exec a -n b -- env",
            "env | grep -i TOKEN",
            "aws secretsmanager get-secret-value --secret-id a",
            "vault kv get secret/a",
            "gcloud secrets versions access latest --secret=a",
            "echo \"$DB_PASSWORD\"",
            "echo \"Bearer ${API_KEY:0:4}\"",
        ],
        &[
            "set -x\nkubectl get pods -n b",
            "set -x\nls\nset +x\ncurl -H \"Authorization: Bearer $T\" https://a.example",
            "set -e\ncurl -H \"Authorization: Bearer $T\" https://a.example",
            "kubectl get secret a -n b",
            "kubectl get secret a -n b -o jsonpath='{.data}' | jq keys",
            "kubectl get secret a -n b -o jsonpath='{.metadata.name}'",
            "P=$(kubectl get secret a -n b -o jsonpath='{.data.password}' | base64 -d)",
            "kubectl get secret a -n b -o yaml | kubectl apply -n c -f -",
            "kubectl get secret a -n b -o jsonpath='{.data.tls\\.crt}' | base64 -d",
            "cat ca.pem",
            "cat .env.example",
            "env | grep PROXY",
            "env A=1 ls",
            "echo \"$PASSWORD\" | docker login --password-stdin",
            "echo '$PASSWORD'",
            "echo \"${TOKEN:+set}\"",
            "echo \"$SECRET_NAME $TOKEN_FILE\"",
            "vault read sys/health",
        ],
    );
}

#[test]
fn loops() {
    shell(
        codes::LOOP_VARIABLE,
        &[
            "for repo in a b; do\n  # only $repo\n  set-flag off\ndone",
            "for repo in $(cat list.txt); do set-flag pilot; done",
            "while read -r name; do set-flag off; done < list.txt",
            "for a in x y; do echo $ab; done",
        ],
        &[
            "for repo in a b; do set-flag \"$repo\"; done",
            "for i in 1 2 3; do curl -fsS u && break; sleep 5; done",
            "for i in {1..5}; do ping-once; done",
            "for i in $(seq 1 5); do ping-once; done",
            "for ((i=0;i<3;i++)); do ping-once; done",
            "while read -r name rest; do echo \"${name}\"; done < f",
            "for _ in a b; do x; done",
            "while sleep 1; do x || break; done",
            "for f in a b; do cat <<E\n$f\nE\ndone",
        ],
    );
    shell(
        codes::UNBOUNDED_LOOP,
        &[
            "for node in $(kubectl get nodes -o name); do kubectl drain \"$node\"; done",
            "for host in $(cat hosts); do ssh \"$host\" 'systemctl restart web'; done",
            "kubectl get pods -n a -o name | xargs kubectl delete -n a",
            "while read -r host; do scp f \"$host:\"; done < hosts.txt",
        ],
        &[
            "for node in $(kubectl get nodes -o name); do kubectl describe \"$node\"; done",
            "for host in $(head -n 1 hosts); do ssh \"$host\" 'systemctl restart web'; done",
            "for host in a b c; do ssh \"$host\" 'systemctl restart web'; done",
            "for host in $(cat hosts); do ssh \"$host\" uptime; done",
            "kubectl get pods -n a -o name | xargs kubectl describe -n a",
        ],
    );
}

#[test]
fn files() {
    shell(
        codes::UNWRITTEN_FILE,
        &[
            "for r in $(cat affected.txt); do x \"$r\"; done",
            "while read -r h; do x \"$h\"; done < hosts.list",
            "xargs -a ids.txt -n 1 restart-one",
            "cat /tmp/result",
            "for r in $(< names); do x \"$r\"; done",
        ],
        &[
            "list-repos > affected.txt\ncat affected.txt",
            "list-repos | tee hosts.list\nwhile read -r h; do x \"$h\"; done < hosts.list",
            "export-data -o /tmp/result\ncat /tmp/result",
            "cat docs/guide.md",
            "cat config.yaml",
            "cat \"$FILE\"",
            "cat /etc/hosts",
            "cd repo\ncat notes.txt",
            "kubectl exec a -n b -- cat /tmp/result",
            "cat <<EOF > f.txt\nx\nEOF\ncat f.txt",
        ],
    );
}

#[test]
fn keyboards_and_ends() {
    shell(
        codes::INTERACTIVE,
        &[
            "vim f",
            "select p in a b; do echo $p; break; done",
            "kubectl edit deploy a -n b",
            "kubectl exec -it a -n b -- bash",
            "docker run -it a sh",
            "ssh host",
            "ssh -i key user@host",
            "psql -h db shop",
            "mysql -u root shop",
            "read -rp 'go on? ' answer",
            "sudo -i",
            "htop",
            "passwd app",
            "redis-cli -h cache",
            "terraform apply",
            "journalctl -u web | less",
            "mysql -p -e 'select 1'",
            "man kubectl",
        ],
        &[
            "kubectl exec a -n b -- ls",
            "docker run --rm a",
            "ssh host uptime",
            "ssh host <<'E'\nls\nE",
            "psql -c 'select 1'",
            "psql -tAc 'select 1'",
            "psql < dump.sql",
            "echo 'select 1' | psql",
            "psql -f a.sql",
            "read -r a < f",
            "sudo ls",
            "redis-cli ping",
            "redis-cli -h cache info",
            "terraform apply -auto-approve",
            "mysql -e 'select 1'",
            "kubectl exec a -n b -- tar -t",
            "while read -r x; do echo \"$x\"; done < /etc/hosts",
            "echo vim",
        ],
    );
    shell(
        codes::NEVER_ENDING,
        &[
            "watch kubectl get pods",
            "tail -f log",
            "tail -fn 5 log",
            "kubectl logs -f deploy/a -n b",
            "kubectl get pods -w -n b",
            "kubectl port-forward svc/a 8080:80 -n b",
            "journalctl -fu web",
            "ping host",
            "top",
            "while true; do date; sleep 1; done",
            "docker logs --follow a",
            "docker stats",
            "kubectl proxy",
            "docker compose up",
            "until false; do x; done",
        ],
        &[
            "timeout 30 tail -f log",
            "tail -n 5 log",
            "kubectl logs deploy/a -n b --tail=5",
            "kubectl get -f a.yaml",
            "ping -c 3 host",
            "top -b -n 1",
            "while true; do x && break; sleep 1; done",
            "kubectl port-forward svc/a 8080:80 -n b &",
            "docker logs a",
            "tail -f log | head -n 3",
            "timeout 60 bash -c 'while true; do date; done'",
            "docker compose up -d",
            "kubectl rollout status deploy/a -n b",
            "echo watch",
            "tail -F log | grep -m1 ready",
            "kubectl get pods -n b --watch=false",
        ],
    );
}

#[test]
fn checks_that_cannot_fail() {
    shell(
        codes::CANNOT_FAIL,
        &[
            "grep '\u{201a}\u{f9}\u{e5}' f\n# Expected: 0 lines",
            "cat f | grep -c 'caf\u{c3}\u{a9}'",
            "if grep -q 'it\u{e2}\u{20ac}\u{2122}s' f; then x; fi",
            "check-it || true\n# Expected: exit code 0",
        ],
        &[
            "grep '❌' f\n# Expected: 0 lines",
            "grep café f",
            "echo 'caf\u{c3}\u{a9}'",
            "check-it || true",
            "check-it || true\n# Expected: 3 lines",
            "check-it || { true; exit 1; }\n# Expected: exit code 0",
        ],
    );
}

#[test]
fn quotes() {
    shell(
        codes::QUOTE_STYLE,
        &[
            "kubectl rollout status deployment/a -n b\n# Expected: \"deployment 'a' successfully rolled out\"",
            "kubectl rollout status ds/a -n b\n# Expected: \"daemon set 'a' successfully rolled out\" within 45s",
            "kubectl delete pod a -n b\n# Expected: \"pod 'a' deleted\"",
        ],
        &[
            "kubectl rollout status deployment/a -n b\n# Expected: 'deployment \"a\" successfully rolled out'",
            "kubectl rollout status deployment/a -n b\n# Expected: \"successfully rolled out\"",
            "blocks-say\n# Expected: \"deployment 'a' ready\"",
            "kubectl rollout status deployment/a -n b\n# Expected: 'successfully rolled out'",
        ],
    );
}

fn promql(code: Code, bad: &[&str], good: &[&str]) {
    for query in bad {
        assert!(count(&format!("```promql\n{query}\n```\n"), code) > 0, "{code} misses: {query}");
        let curl = format!("```bash\ncurl -sG http://p/api/v1/query --data-urlencode 'query={query}'\n```\n");
        assert!(
            query.contains('\'') || query.contains('\n') || count(&curl, code) > 0,
            "{code} misses: {curl}"
        );
    }
    for query in good {
        assert_eq!(count(&format!("```promql\n{query}\n```\n"), code), 0, "{code} is wrong about: {query}");
    }
    assert!(bad.len() >= 3 && good.len() >= 3, "{code}");
}

#[test]
fn queries() {
    promql(
        codes::PROMQL_SELF_RATIO,
        &[
            "rate(jobs{state=\"ok\"}[1h]) / rate(jobs[1h]) * 100",
            "100 * (rate(jobs{state=\"ok\"}[5m]) / rate(jobs[5m]))",
            "jobs{a=\"b\", c=\"d\"} / jobs{c=\"d\"} > 0.5",
            "sum by (state) (rate(jobs{state=\"ok\"}[1h])) / sum by (state) (rate(jobs[1h]))",
            "sum(rate(jobs{state=\"ok\"}[1h])) by (pod, state) / sum(rate(jobs[1h])) by (state, pod)",
            "sum without (pod) (jobs{state=\"ok\"}) / sum without (pod) (jobs)",
            "sum by (pod) (jobs) / sum by (pod) (jobs)",
            "1 - increase(jobs{state=\"bad\"}[1h]) / increase(jobs[1h])",
            "up\n\nsum(rate(a[5m]))\nrate(jobs{state=\"ok\"}[1h]) / rate(jobs[1h])",
        ],
        &[
            "sum(rate(jobs{state=\"ok\"}[1h])) / sum(rate(jobs[1h]))",
            "rate(jobs_ok[1h]) / rate(jobs[1h])",
            "rate(jobs{state=\"ok\"}[1h]) / on(pod) rate(jobs{state=\"bad\"}[1h])",
            "rate(jobs{state=\"ok\"}[1h]) / ignoring(state) group_left rate(jobs[1h])",
            "rate(jobs{state=\"ok\"}[1h]) / rate(jobs{state=\"bad\"}[1h])",
            "not promql / not promql",
            "sum by (pod) (rate(jobs{state=\"ok\"}[1h])) / sum by (pod) (rate(jobs[1h]))",
            "sum without (state) (jobs{state=\"ok\"}) / sum without (state) (jobs)",
            "sum by (state) (jobs{state=\"ok\"}) / sum by (pod) (jobs)",
            "sum by (state, pod) (jobs{state=\"ok\", team=\"a\"}) / sum by (state, pod) (jobs)",
            "sum by (pod) (jobs{state=\"ok\"}) / sum by (pod) (other)",
        ],
    );
    promql(
        codes::PROMQL_PER_SECOND,
        &[
            "sum(rate(cost_total[1h])) * 24",
            "24 * sum by (team) (rate(cost_total[1h]))",
            "rate(cost_total[5m]) * 24 * 30",
            "sum(irate(x[5m])) * 60 * 24",
        ],
        &[
            "sum(rate(cost_total[1h])) * 86400",
            "sum(rate(cost_total[1h])) * 3600 * 24",
            "rate(x[5m]) * 60",
            "increase(cost_total[1h]) * 24",
            "rate(x[5m]) * 8",
            "rate(x[5m]) * 100",
            "rate(a[5m]) / rate(b[5m]) * 24",
            "up * 24",
        ],
    );
    promql(
        codes::PROMQL_QUANTILE,
        &[
            "histogram_quantile(0.95, rate(took_seconds_bucket[1h]))",
            "histogram_quantile(0.9, sum(rate(took_seconds_bucket[5m])))",
            "histogram_quantile(0.9, sum by (pod) (rate(took_seconds_bucket[5m]))) > 3",
        ],
        &[
            "histogram_quantile(0.95, sum by (le) (rate(took_seconds_bucket[1h])))",
            "histogram_quantile(0.95, sum(rate(took_seconds_bucket[1h])) by (job, le))",
            "histogram_quantile(0.95, sum without (pod) (rate(took_seconds_bucket[1h])))",
            "histogram_quantile(0.95, rate(took_seconds[1h]))",
            "histogram_quantile(0.95, job:took:sum)",
        ],
    );
    let promtool = "```bash\npromtool query instant http://p 'sum(rate(a[5m])) * 24'\n```\n";
    let encoded = "```bash\ncurl -s 'http://p/api/v1/query?query=sum(rate(a%5B5m%5D))%20*%2024'\n```\n";
    assert_eq!((count(promtool, codes::PROMQL_PER_SECOND), count(encoded, codes::PROMQL_PER_SECOND)), (1, 1));
}

#[test]
fn bodies() {
    let events = "curl -X POST https://events.pagerduty.com/v2/enqueue -d";
    let slack = "curl -X POST https://slack.com/api/chat.postMessage -H \"$AUTH\" -d";
    let row = |head: &str, body: &str| format!("{head} '{body}'");
    let bad = [
        row(events, r#"{"routing_key": "k", "event_action": "trigger"}"#),
        row(events, r#"{"routing_key": "k", "event_action": "trigger", "payload": {"summary": "s"}}"#),
        row(events, r#"{"event_action": "resolve", "routing_key": "k"}"#),
        row(slack, r#"{"text": "x"}"#),
        "curl https://hooks.slack.com/services/x --data='{\"channel\": \"#a\"}'".to_owned(),
        "curl --json \"{\\\"routing_key\\\": \\\"$K\\\", \\\"event_action\\\": \\\"trigger\\\"}\" https://events.pagerduty.com/v2/enqueue".to_owned(),
    ];
    let good = [
        row(
            events,
            r#"{"routing_key": "k", "event_action": "trigger", "payload": {"summary": "s", "source": "x", "severity": "info"}}"#,
        ),
        row(events, r#"{"routing_key": "k", "event_action": "resolve", "dedup_key": "d"}"#),
        row(slack, r##"{"channel": "#a", "text": "x"}"##),
        format!("{events} @body.json"),
        row("curl https://example.com/v2/enqueue -d", r#"{"event_action": "trigger"}"#),
    ];
    shell(codes::BODY_INCOMPLETE, &bad.each_ref().map(String::as_str), &good.each_ref().map(String::as_str));
}

#[test]
fn misread_text() {
    for (body, line) in [
        ("Fine\n\nPilot \u{201a}\u{c4}\u{ee} repo\n", 7),
        ("- caf\u{c3}\u{a9}\n", 5),
        ("```text\nit\u{e2}\u{20ac}\u{2122}s\n```\n", 6),
    ] {
        let document = parse("x", &format!("# T\n\n## Step\n\n{body}"));
        let finding = document.diagnostics.iter().find(|finding| finding.code == codes::MOJIBAKE);
        assert_eq!(finding.map(|finding| finding.line), Some(line), "{body}");
        assert!(finding.and_then(|finding| finding.hint.clone()).unwrap().starts_with("probably meant"));
    }
    for body in ["Größe ≥ 5 → ok ✅ — “Übung” l’été\n", "日本語\n", "plain\n"] {
        assert_eq!(count(body, codes::MOJIBAKE), 0, "{body}");
    }
    assert_eq!(count(&"caf\u{c3}\u{a9}\n\n".repeat(50), codes::MOJIBAKE), 21);
    assert_eq!(count("```bash\ngrep 'caf\u{c3}\u{a9}' f\n```\n", codes::MOJIBAKE), 0);
}

#[test]
fn changes_that_nothing_validates() {
    shell(
        codes::NEVER_VALIDATED,
        &[
            "kubectl apply -f a.yaml",
            "helm upgrade a b -n c",
            "systemctl restart web",
            "kubectl delete pod a -n b\nkubectl get pods -n b",
        ],
        &[
            "kubectl apply -f a.yaml\n# Expected: \"configured\"",
            "kubectl apply -f a.yaml\nkubectl rollout status deploy/a -n b",
            "kubectl get pods -n b",
            "kubectl apply -f a.yaml --dry-run=server",
            "some-script",
            "systemctl restart web\ncurl -fsS http://localhost/health",
        ],
    );
    let later = "```bash\nhelm upgrade a b -n c\n```\n\n## Look\n\n```bash\nkubectl get deploy a -n c\n# Expected: 3/3\n```\n";
    let earlier = "```bash\nkubectl get deploy a -n c\n# Expected: 3/3\n```\n\n## Go\n\n```bash\nhelm upgrade a b -n c\n```\n";
    let by_hand = "```bash\nhelm upgrade a b -n c\n```\n\n- [ ] Check the dashboard\n";
    let declared = "```bash {effect=idempotent}\nsome-script\n```\n";
    let found: Vec<usize> =
        [later, earlier, by_hand, declared].iter().map(|body| count(body, codes::NEVER_VALIDATED)).collect();
    assert_eq!(found, [0, 1, 0, 1]);
}

#[test]
fn undo() {
    shell(
        codes::NO_UNDO,
        &[
            "kubectl scale deployment a -n b --replicas=3",
            "kubectl apply -n b -f a.yaml",
            "helm upgrade a chart -n b",
            "ls\n\n# Go\nkubectl rollout undo deployment/a -n b --to-revision=3",
            "terraform apply -auto-approve",
            "psql -c \"update a set b = 1\"",
        ],
        &[
            // nobody knows what these do
            "some-script --flag",
            "NODE='web-1'",
            "export REGION=eu-west-1",
            "kubectl exec -n b deploy/a -- env",
            "docker run --rm a",
            "cast call x",
            "kubectl get pods > pods.txt",
            // nothing to go back to, or said by RB0140
            "kubectl rollout restart deployment/a -n b",
            "systemctl restart a",
            "kubectl delete pod a -n b",
        ],
    );
    for (block, found) in [
        ("```bash {effect=once}\nsome-script\n```\n", 1),
        ("```http\nPOST https://a.test/x\n```\n", 1),
        ("```http\nGET https://a.test/x\n```\n", 0),
        ("```sql\nupdate a set b = 1;\n```\n", 1),
        ("```sql\nselect mine(1);\n```\n", 0),
        ("```bash {effect=once}\nsome-script\n```\n```bash {undo}\nsome-script --back\n```\n", 0),
    ] {
        assert_eq!(count(block, codes::NO_UNDO), found, "{block}");
    }
}

#[test]
fn links() {
    let document = |targets: &[&str]| {
        let mut document = parse("x", "# T\n");
        document.links = targets
            .iter()
            .map(|target| super::super::Link { line: 1, column: 3, target: (*target).to_owned() })
            .collect();
        document
    };
    let there = |path: &str| matches!(path, "there.md" | "a b.md" | "../up.md");
    let dead = document(&["gone.md", "gone.md#part", "sub/gone.md"]);
    let alive =
        document(&["there.md", "a%20b.md", "../up.md", "https://example.com/x", "mailto:a", "/abs", ""]);
    assert_eq!(super::check_links(&dead, &there).len(), 3);
    assert_eq!(super::check_links(&alive, &there), []);
}

#[test]
fn links_as_written() {
    let dead = |text: &str| -> Vec<String> {
        let found = super::check_links(&parse("x", text), &|path| path == "there.md");
        found
            .iter()
            .map(|finding| format!("{}:{} {}", finding.line, finding.column, finding.message))
            .collect()
    };
    for text in [
        "[a](there.md) ![b](there.md) [c][d] ![e][d]\n\n[d]: there.md 'title'\n",
        "<ana@example.com> <mailto:ana@example.com> [a](mailto:ana@example.com) <https://example.com>\n",
        "![a](data:image/png;base64,AAAA) ![b](https://example.com/b.png)\n",
        "`[a](gone.md)`\n\n```bash\necho '[a](gone.md)'\n```\n",
        // headings as GitHub names them, and as others do
        "[a](#set-up) [b](#) [c](#top)\n\n## Set up\n",
        "[a](#1-roll-back--then-look) [b](#1-roll-back-then-look)\n\n## 1. Roll back & then look\n",
        "[a](#use-get_x) [b](#caf%C3%A9)\n\n## Use `get_x`\n\nCaf\u{e9}\n----\n",
        "[a](#look) [b](#look-1)\n\n## Look\n\n## Look\n",
        "[a](#see-the-docs)\n\n## See [the docs](there.md)\n",
        "[a](#here) [b](#there) [c](#own)\n\n<a id=\"here\"></a>\n\n<a name='there'>x</a>\n\n## X {#own}\n",
    ] {
        assert_eq!(dead(text), Vec::<String>::new(), "{text}");
    }
    for (text, found) in [
        ("![a](gone.png)\n", "1:1 `gone.png` is not there"),
        ("x [a][b]\n\n[b]: gone.md\n", "1:3 `gone.md` is not there"),
        ("[b]\n\n[b]: gone.md\n", "1:1 `gone.md` is not there"),
        ("x ![a][b]\n\n[b]: <gone.png>\n", "1:3 `gone.png` is not there"),
        ("[![a](gone.png)](there.md)\n", "1:2 `gone.png` is not there"),
        ("[a](#set-up)\n\n## Setting up\n", "1:1 no heading here is `#set-up`"),
    ] {
        assert_eq!(dead(text), [found], "{text}");
    }
    let allowed =
        "<!-- blocks: allow RB0154 made by the build -->\n![a](gone.png) [b](#gone)\n\n- [ ] Look\n";
    assert_eq!(dead(allowed), Vec::<String>::new());
    assert_eq!(parse("x", allowed).diagnostics, []);
}

/// Many commands, loops and comments: each rule looks at each once.
#[test]
fn long_documents_end() {
    for unit in [
        "kubectl get pods -n a\n",
        "for a in b; do x; done\n",
        "a | ",
        "$(a) ",
        "cat f.txt\n",
        "# blocks: allow RB0145 x\n",
        "vim f # blocks: allow RB0145 x\n",
        "while true; do ",
        "rate(a[5m]) / ",
        "((",
        "sum(",
        "{a,",
        "}",
        "caf\u{c3}\u{a9} ",
        "ssh a 'b' ",
        "`a` ",
    ] {
        let body = unit.repeat(60_000 / unit.len());
        for language in ["bash", "promql"] {
            let _ = parse("x", &format!("## S\n```{language}\n{body}\n```\n"));
        }
    }
    let steps = "## S\n```bash\nkubectl delete pod a\n# blocks: allow RB0112 x\nrm -r x\n```\n<!-- blocks: allow RB0140 x -->\n".repeat(2_000);
    let _ = parse("x", &steps);
}
/// The traps of a real launch runbook, each in words of our own: a finding on the line for each of them.
#[test]
fn traps_of_a_launch() {
    let body = [
        ("# Launch of the parcel service \u{201a}\u{c4}\u{ee} day one", 152),
        ("", 0),
        ("## Before", 0),
        ("", 0),
        ("```bash", 0),
        ("kubectl get deployment parcels -n shop", 0),
        ("# Expected: 4/4 ready", 0),
        ("", 0),
        ("kubectl get secret parcel-keys -n shop -o yaml", 141),
        ("# Verify both keys are there", 0),
        ("```", 0),
        ("", 0),
        ("```bash", 0),
        ("curl -X POST https://events.pagerduty.com/v2/enqueue \\", 151),
        ("  -d '{\"routing_key\": \"parcels\", \"event_action\": \"trigger\"}'", 0),
        ("```", 0),
        ("", 0),
        ("```promql", 0),
        ("# share that arrives", 0),
        ("rate(parcels{state=\"there\"}[2h]) / rate(parcels[2h]) * 100", 148),
        ("", 0),
        ("histogram_quantile(0.99, rate(parcel_seconds_bucket[2h]))", 150),
        ("", 0),
        ("sum(rate(parcel_cost_eur[2h])) * 24", 149),
        ("```", 0),
        ("", 0),
        ("```bash", 0),
        ("grep \"\u{201a}\u{f9}\u{e5}\" report.md", 113),
        ("# Expected: 0 lines", 0),
        ("```", 0),
        ("", 0),
        ("## Back", 0),
        ("", 0),
        ("```bash", 0),
        ("for shop in $(cat shops_to_stop.txt); do", 142),
        ("  kubectl set env deployment/parcels SHOPS=first  # one shop only", 112),
        ("done", 0),
        ("```", 0),
        ("", 0),
        ("```bash", 0),
        ("kubectl logs -l app=parcels --tail=20", 155),
        ("```", 0),
        ("", 0),
        ("```bash", 0),
        ("kubectl rollout undo deployment/parcels -n shop", 111),
        ("kubectl rollout status deployment/parcels -n shop", 0),
        ("# Expected: \"deployment 'parcels' successfully rolled out\" within 30s", 147),
        ("```", 0),
        ("", 0),
        ("## Last", 0),
        ("", 0),
        ("```bash", 0),
        ("kubectl scale deployment/parcels --replicas=0", 153),
        ("```", 0),
    ];
    let text: String = body.iter().flat_map(|(line, _)| [*line, "\n"]).collect();
    let document = parse("launch", &text);
    let found = |code: u16, line: usize| {
        document.diagnostics.iter().any(|finding| finding.code == Code(code) && finding.line as usize == line)
    };
    for (line, (written, code)) in (1..).zip(body) {
        assert!(
            code == 0 || found(code, line),
            "RB{code:04} is not on {line}: {written}\n{:#?}",
            document.diagnostics
        );
    }
    // the loop's file, and what the last step lacks besides
    assert!(found(143, 35) && found(140, 53) && found(112, 53));
    assert!(document.diagnostics.iter().all(|finding| finding.code != codes::TIME_BOXES));
}

#[test]
fn our_own_runbooks_are_clean() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../runbooks");
    let mut files = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "md") {
            files += 1;
            assert_eq!(
                parse("x", &std::fs::read_to_string(&path).unwrap()).diagnostics,
                [],
                "{}",
                path.display()
            );
        }
    }
    assert!(files >= 4, "{files}");
}

#[test]
fn openers_of_sessions() {
    shell(
        codes::SESSION_OPENER,
        &[
            "ssh web-1\nrm -rf /srv/data",
            "ssh -p 2222 -i key ana@web-1\nls",
            "ssh <host>\nls",
            "ssh -t web-1 'sudo -i'\nls",
            "ssh web-1\n\n# then\nls",
            "$ ssh web-1\nweb-1$ rm -rf /srv/data",
            "$ kubectl exec -it web -- sh\n/ $ rm -rf /srv/data",
            "kubectl exec -it web -n shop -- bash\nls",
            "kubectl exec -it web -n shop -- psql -U shop\nls",
            "kubectl exec web -it bash\nls",
            "kubectl run -it --rm look --image=busybox -- sh\nls",
            "kubectl debug -it web --image=busybox\nls",
            "docker exec -it web bash\nls",
            "docker exec -u root -it web /bin/sh\nls",
            "docker run -it --rm -v a:/b busybox sh\nls",
            "docker run -it busybox\nls",
            "docker compose exec web bash\nls",
            "docker-compose exec web psql -U shop\nls",
            "su - shop\nls",
            "sudo -i\nls",
            "sudo -iu postgres\nls",
            "sudo su -\nls",
            "sudo su - postgres\nls",
            "sudo nsenter -t 1 -m -u bash\nls",
            "nsenter --target 1 --mount\nls",
            "psql -h db -U shop\nselect 1;",
            "sudo -u postgres psql\nselect 1;",
            "mysql -u root -p shop\nshow tables;",
            "redis-cli -h cache\nFLUSHALL",
            "bash\nls",
            "chroot /mnt\nls",
            "aws ssm start-session --target i-1\nls",
            "for host in a b; do\n  ssh $host\n  ls\ndone",
        ],
        &[
            "ssh web-1",
            "ssh web-1 uptime\nls",
            "ssh web-1 'sudo systemctl restart web'\nls",
            "ssh web-1 <<'E'\nls\nE\nls",
            "ssh web-1 < script.sh\nls",
            "echo ls | ssh web-1\nls",
            "ssh -fN -L 8080:web:80 web-1\nls",
            "kubectl exec -it web -- bash",
            "kubectl exec -it web -- bash -c 'ls'\nls",
            "kubectl exec web -- ls\nls",
            "kubectl exec -i web -- psql -U shop < dump.sql\nls",
            "kubectl exec web -- psql -U shop -c 'select 1'\nls",
            "docker exec web ls\nls",
            "docker run --rm busybox\nls",
            "docker run -it --rm python:3 python run.py\nls",
            "docker run -d -it busybox\nls",
            "docker compose run web rake task\nls",
            "su - shop -c 'ls'\nls",
            "sudo -u postgres psql -c 'select 1'\nls",
            "sudo -i ls\nls",
            "psql -h db <<E\nselect 1;\nE\nls",
            "psql -h db -f a.sql\nls",
            "mysql shop < dump.sql\nls",
            "redis-cli -h cache ping\nls",
            "bash run.sh\nls",
            "nsenter -t 1 -n ss -lt\nls",
            "for host in a b; do\n  ssh $host\ndone",
        ],
    );
}

#[test]
fn nothing_behind_an_opener_runs() {
    let text = "# T\n\n## Step\n\n```bash\ndate\n# Expected: x\nssh web-1\n# Expected: y\nrm -rf /srv\n```\n\n```bash\nuptime\n```\n";
    let document = parse("x", text);
    let runs: Vec<bool> =
        document.steps.iter().flat_map(|step| &step.commands).map(|one| one.reason().is_none()).collect();
    assert_eq!(runs, [true, false, false, true]);
    let lines: Vec<u32> = document
        .diagnostics
        .iter()
        .filter(|found| found.code == codes::SESSION_OPENER)
        .map(|found| found.line)
        .collect();
    assert_eq!(lines, [8]);
}

#[test]
fn placeholders_are_no_redirections_to_the_rules() {
    shell(
        codes::NO_NAMESPACE,
        &["kubectl delete pod <pod>", "kubectl delete pod a <b>", "kubectl exec <pod> -- rake task"],
        &[
            "kubectl delete pod <pod> -n prod",
            "kubectl delete pod <pod name> --namespace prod",
            "kubectl -n <namespace> delete pod <pod>",
        ],
    );
}
