//! The stand-in against a real target over a real socket.

use tokio::net::TcpListener;

use super::*;
use crate::target::{TargetConfig, serve};

struct Shell {
    home: tempfile::TempDir,
    url: String,
}

impl Shell {
    async fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(serve(listener, TargetConfig::default()));
        let home = tempfile::tempdir().unwrap();
        std::fs::create_dir(home.path().join(".blocks-sandbox")).unwrap();
        std::fs::write(home.path().join(TARGET_FILE), &url).unwrap();
        Self { home, url }
    }

    async fn kubectl(&self, line: &str) -> (u8, String, String) {
        let args: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        let home = self.home.path().to_owned();
        tokio::task::spawn_blocking(move || {
            let (mut out, mut err) = (Vec::new(), Vec::new());
            let code = run(&args, &mut out, &mut err, &home);
            (code, String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
        })
        .await
        .unwrap()
    }

    async fn ok(&self, line: &str) -> String {
        let (code, out, err) = self.kubectl(line).await;
        assert_eq!((code, err.as_str()), (0, ""), "{line}");
        out
    }

    async fn deploy(&self, version: &str) {
        let client = crate::server::http_client().unwrap();
        let body = json!({"version": version});
        client.post(format!("{}/_control/deploy", self.url)).json(&body).send().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_rollback_story_in_kubectls_words() {
    let shell = Shell::new().await;
    let image =
        "get deployment flowengine -n production -o jsonpath={.spec.template.spec.containers[0].image}";
    assert_eq!(shell.ok(image).await, "flowengine:v1.1");
    shell.deploy("v1.2").await;
    assert_eq!(shell.ok(image).await, "flowengine:v1.2");
    assert_eq!(
        shell.ok("rollout history deployment/flowengine -n production").await,
        "deployment.apps/flowengine \nREVISION  CHANGE-CAUSE\n1         release v1.1\n2         release v1.2\n\n"
    );
    assert_eq!(
        shell.ok("rollout undo deployment/flowengine -n production --to-revision=1").await,
        "deployment.apps/flowengine rolled back\n"
    );
    let status = shell.ok("rollout status deployment/flowengine -n production --timeout=45s").await;
    assert!(status.ends_with("deployment \"flowengine\" successfully rolled out\n"), "{status}");
    assert_eq!(shell.ok(image).await, "flowengine:v1.1");
    let revision = r"-n production get deploy flowengine -o jsonpath={.metadata.annotations.deployment\.kubernetes\.io/revision}";
    assert_eq!(shell.ok(revision).await, "3");
    assert_eq!(
        shell.ok("rollout undo deployment/flowengine -n production --to-revision=3").await,
        "deployment.apps/flowengine skipped rollback (current template already matches revision 3)\n"
    );
    let table = shell.ok("get deployment flowengine -n production").await;
    let mut lines = table.lines();
    assert_eq!(lines.next(), Some("NAME         READY   UP-TO-DATE   AVAILABLE   AGE"));
    assert!(lines.next().unwrap().starts_with("flowengine   5/5     5            5           "), "{table}");
    assert_eq!(shell.ok("get pods -n production --no-headers -l app=flowengine").await.lines().count(), 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn scale_env_yaml_and_logs() {
    let shell = Shell::new().await;
    assert_eq!(
        shell.ok("scale deployment/onboarding-portal --replicas=0 -n production").await,
        "deployment.apps/onboarding-portal scaled\n"
    );
    assert_eq!(
        shell.ok("get deployment onboarding-portal -n production -o jsonpath={.spec.replicas}").await,
        "0"
    );
    let set = "set env deployment/flowengine -n production REPO_ALLOWLIST=compliance-service";
    assert_eq!(shell.ok(set).await, "deployment.apps/flowengine env updated\n");
    assert_eq!(shell.ok(set).await, "", "nothing changed, nothing said");
    let yaml = shell.ok("get deployment flowengine -n production -o yaml").await;
    assert!(yaml.contains("- name: REPO_ALLOWLIST\n          value: compliance-service\n"), "{yaml}");
    assert!(yaml.starts_with("apiVersion: apps/v1\nkind: Deployment\n"));
    let logs = shell.ok("logs -l app=flowengine --tail=5 -n production").await;
    assert!(logs.lines().all(|l| l.contains("version=v1.1")), "{logs}");
    shell.ok("logs deployment/flowengine -n production").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refusals_are_worded_as_the_real_one_words_them_and_leave_a_trace() {
    let shell = Shell::new().await;
    let table = [
        (
            "get deployment flowengine",
            "Error from server (NotFound): deployments.apps \"flowengine\" not found\n",
        ),
        (
            "rollout undo deployment/flowengine",
            "Error from server (NotFound): deployments.apps \"flowengine\" not found\n",
        ),
        (
            "rollout undo deployment/flowengine -n production",
            "error: no rollout history found for deployment \"flowengine\"\n",
        ),
        (
            "rollout undo deployment/flowengine -n production --to-revision=7",
            "error: unable to find specified revision 7 in history\n",
        ),
        ("delete deployment flowengine -n production", "error: unknown command \"delete\" for \"kubectl\"\n"),
        ("exec flowengine -- sh", "error: unknown command \"exec\" for \"kubectl\"\n"),
        (
            "rollout restart deployment/flowengine",
            "error: unknown command \"restart\" for \"kubectl rollout\"\n",
        ),
        (
            "get pods --kubeconfig=/x",
            "error: unknown flag: --kubeconfig\nSee 'kubectl get --help' for usage.\n",
        ),
        ("get secret x -n production", "error: the server doesn't have a resource type \"secret\"\n"),
        ("scale deployment/flowengine -n production", "error: required flag(s) \"replicas\" not set\n"),
    ];
    for (line, message) in table {
        assert_eq!(shell.kubectl(line).await, (1, String::new(), message.to_owned()), "{line}");
    }
    let (code, out, err) = shell.kubectl("get pods").await;
    assert_eq!((code, out.as_str(), err.as_str()), (0, "", "No resources found in default namespace.\n"));
    let client = crate::server::http_client().unwrap();
    let log: Value = client.get(format!("{}/_log", shell.url)).send().await.unwrap().json().await.unwrap();
    let logged: Vec<&str> =
        log["requests"].as_array().unwrap().iter().filter_map(|l| l["command"].as_str()).collect();
    assert_eq!(logged.len(), table.len() + 1);
    assert!(logged.contains(&"kubectl delete deployment flowengine -n production"));
}

#[test]
fn outside_a_sandbox_everything_is_refused() {
    let home = tempfile::tempdir().unwrap();
    let args = ["get".to_owned(), "pods".to_owned()];
    let check = |expected: &str| {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        assert_eq!(run(&args, &mut out, &mut err, home.path()), 1);
        let err = String::from_utf8(err).unwrap();
        assert!(err.starts_with(expected), "{err}");
        assert!(out.is_empty());
    };
    check("error: not in a sandbox");
    std::fs::create_dir(home.path().join(".blocks-sandbox")).unwrap();
    std::fs::write(home.path().join(TARGET_FILE), "http://203.0.113.7:6443").unwrap();
    check("error: not in a sandbox");
}
