//! Tables and properties of finding and resolving. That bash prints values as they are is tested in `crates/exec`.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

#[test]
fn what_people_leave_open_is_found() {
    let rows: &[(&str, &[&str])] = &[
        ("kubectl logs <pod> -n <name-space>", &["<pod>", "<name-space>"]),
        ("kubectl -n \"<service>-prod\" get pods", &["<service>"]),
        ("X='<value of the label from alert>'", &["<value of the label from alert>"]),
        ("curl https://<host>:<port>/x", &["<host>", "<port>"]),
        ("gh issue --body \"<alert | operator>\"", &["<alert | operator>"]),
        ("git clone https://example.com/{repo}.git", &["{repo}"]),
        ("ssh [HOST_NAME]", &["[HOST_NAME]"]),
        ("echo [SERVICE NAME]", &["[SERVICE NAME]"]),
        ("curl -H \"X-Token: YOUR_API_TOKEN\"", &["YOUR_API_TOKEN"]),
        ("export KEY=REPLACE_ME", &["REPLACE_ME"]),
        ("cat <<EOF\nname: <name>\nEOF", &["<name>"]),
        ("a <pod> <pod>", &["<pod>"]),
        ("kubectl logs <POD NAME>", &["<POD NAME>"]),
        ("git clone https://example.com/{{repo}}.git", &["{{repo}}"]),
        ("curl https://example.com/{{ service_name }}/health", &["{{ service_name }}"]),
        ("gh issue create --body \"Stopped because of [reason]. We'll be back\"", &["[reason]"]),
        ("notify --message \"Back in: [X hours]\"", &["[X hours]"]),
        ("notify --message \"[Service Name] is back\"", &["[Service Name]"]),
        ("notify --subject \"[Shop Platform] Back again\"", &[]),
        ("notify \"[reason]\"", &["[reason]"]),
        ("export version=[replace with the target version]", &["[replace with the target version]"]),
        ("aws-login prod-[environmentname]-admin", &["[environmentname]"]),
        ("cat <<EOF\nit takes [X hours]\nEOF", &["[X hours]"]),
        ("gcloud config set project your-gcp-project", &["your-gcp-project"]),
        ("psql -U your_db_user", &["your_db_user"]),
        ("aws s3 ls s3://REPLACE_WITH_BUCKET_NAME/", &["REPLACE_WITH_BUCKET_NAME"]),
        ("echo PUT_TOKEN_HERE", &["PUT_TOKEN_HERE"]),
        ("aws ec2 describe-security-groups --group-ids sg-xxxxxxxx", &["xxxxxxxx"]),
        ("curl https://XXXX.example.com/", &["XXXX"]),
        ("ping %HOST_NAME%", &["%HOST_NAME%"]),
        ("curl ... | jq .", &["..."]),
        ("kubectl get pods … | wc -l", &["…"]),
        ("kubectl logs \"<p>\" -n \"<br>\"", &["<p>", "<br>"]),
        ("kubectl logs [pod] -n [dir]", &["[pod]", "[dir]"]),
        ("echo $(ls [dir])", &["[dir]"]),
        ("kubectl logs __POD__ -n @SPACE@", &["__POD__", "@SPACE@"]),
        ("curl --token change-me -d key=TODO x", &["change-me", "TODO"]),
        ("X=TODO", &["TODO"]),
        ("kubectl label pod \"TODO\"", &["TODO"]),
        ("kubectl logs POD_NAME -n NAMESPACE", &["POD_NAME", "NAMESPACE"]),
        ("kubectl logs \"POD_NAME\" --namespace=NAMESPACE", &["POD_NAME", "NAMESPACE"]),
        ("aws s3 ls s3://BUCKET_NAME/x --region REGION", &["BUCKET_NAME", "REGION"]),
        ("ssh USERNAME@BASTION_HOST; ping HOSTNAME", &["USERNAME", "BASTION_HOST", "HOSTNAME"]),
        ("curl https://SERVICE_HOST:8080/x?id=VPC_ID", &["SERVICE_HOST", "VPC_ID"]),
        ("POD=POD_NAME; NS=NAMESPACE kubectl get pods", &["POD_NAME", "NAMESPACE"]),
        ("psql -h DB_HOST -d DB_NAME", &["DB_HOST", "DB_NAME"]),
        ("sudo systemctl restart SERVICE", &["SERVICE"]),
    ];
    for (text, expected) in rows {
        assert_eq!(spellings(text).0, *expected, "{text}");
    }
}

/// A shell takes all of these as redirections and runs them.
#[test]
fn whatever_stands_in_angles_outside_quotes_is_to_be_filled_in() {
    for inside in [
        "p",
        "br",
        "hr",
        "li",
        "1",
        "1st pod",
        "ns...",
        "ns #1",
        "pod(s)",
        "your ns (e.g. a)",
        "ns=prod",
        "ns*",
        "ns?",
        "$ns",
        "-ns-",
        "the \"ns\"",
        "ns & pod",
        "ns@x",
        "ns+1",
        "ns!",
        "pod's name",
        "a | b",
        "a -> b",
        "a; b",
        "?",
        "/x",
        "\"ns\"",
        "名前",
        "ns]",
    ] {
        let what = format!("<{inside}>");
        for text in [
            format!("kubectl get pods -n {what}"),
            format!("kubectl get pods -n {what} -o wide >out 2>&1"),
            format!("kubectl get pods -n x-{what}-y # note"),
            format!("X=\"$(kubectl get pods -n {what})\""),
            format!("if true; then ( ls {what} ); fi"),
            format!("cat <<'A' >{what}\nbody\nA\n"),
        ] {
            assert_eq!(spellings(&text).0, [what.as_str()], "{text}");
        }
        assert_eq!(spellings(&format!("ls # {what}")).0, Vec::<String>::new());
    }
    assert_eq!(spellings("kubectl logs \\<pod\\> -n x").0, ["\\<pod\\>"]);
    assert_eq!(parameter_name("\\<pod\\>"), "pod");
    // no name can be made of it, and still it does not run
    assert!(matches!(resolve("ls <?>", &BTreeMap::new()), Err(Unresolved::LeftOut(_))));
}

#[test]
fn what_programs_write_is_left_alone() {
    for text in [
        "echo ${VAR} ${VAR:-x} $VAR",
        "kubectl get pods -o template --template='{{range .items}}{{.metadata.name}}{{end}}'",
        "kubectl get pods -o jsonpath='{range .items[*]}{.metadata.name}{\"\\n\"}{end}'",
        "kubectl get deploy -o jsonpath='{.spec.template.spec.containers[0].image}'",
        "[[ -n x ]] && echo a",
        "[[ $A == B ]] && echo a",
        "diff <(sort a) <(sort b)",
        "cat <<EOF\nplain\nEOF",
        "cat <<'EOF' > out\nplain\nEOF",
        "sort < in > out",
        "cmd 2>&1 >file <input",
        "grep '[A-Z]' f",
        "grep 'x[ABC]y' f",
        "ls [A-Z]*",
        "ls [A-Z0-9]*",
        "jq '{name}' f",
        "awk '{print}' f",
        "curl -w '%{http_code}' x",
        "git show HEAD@{upstream}",
        "echo {a,b} {1..3} {}",
        "xargs -I{} echo {}",
        "echo ${MAP[KEY]} ${#MAP[KEY]}",
        "MAP[KEY]=1",
        "echo \"[INFO] started\"",
        "grep -P '(?<name>a)' f",
        "sed 's/\\<word\\>/x/' f",
        "echo '<b>bold</b>'",
        "echo $YOUR_TOKEN ${YOUR_TOKEN}",
        "echo MYOUR_X",
        "echo a # <pod> in a comment",
        "test 1 -lt 2",
        "up{job=\"x\"}",
        "docker ps --format '{{json .}}' '{{.Names}}'",
        "docker ps --format '{{end}}'",
        "helm template x --set 'a={{ name }}'",
        "ansible all -m debug -a 'msg={{ host }}'",
        "echo ${{ secrets }}",
        "mktemp /tmp/x.XXXXXX",
        "date +%FT%T%Z %H%M%S",
        "date +%FOO%",
        "go test ./... && go vet ...",
        "bazel test ...",
        "git diff a...b",
        "echo 'wait ...'",
        "set -xxx",
        "chmod u=rwx f",
        "echo 0xxx $xxx ${xxx}",
        "ls file[abcd].txt [a-z]* x[0]",
        "git commit -m \"fix it [skip ci]\"",
        "echo \"see [the page](https://example.com)\"",
        "echo \"[info] ready\"",
        "[ -f name ] && [[ -n text ]] && test -n a",
        "cat <<EOF\n[Unit]\n[section]\nkey = [value]\nEOF",
        "jq '.items[count] | {name}' f",
        "grep \"some [letters] here\" f",
        "curl http://[fe80::1]:80/",
        "echo ${array[index]} \"${array[index]} x\"",
        "array[index]=1",
        "kubectl get pods -o jsonpath='{.items[*].metadata.name} {.x[count]}'",
        "echo '<br>'",
        "awk '{ print $1 }' f",
        "echo ..",
        "sort <in >out",
        "sort <in 2>/dev/null",
        "sort <in 2> \"$log\" >>out",
        "sort <in | awk '$1>2'",
        "sort <in | awk \"\\$1>2\"",
        "cat <&3 2>&1 <>file",
        "cat <<< word>out",
        "comm <(sort a) >(sort b)",
        "(( a<b )); (( c>d ))",
        "for ((i=0; i<9; i++)); do ls; done; ls >out",
        "cat <<EOF\nx <br> y\nEOF",
        "cat <<'EOF'\na <1> b\nEOF",
        "sed s/\\<word\\>/x/ f",
        "case $a in [abc]) ls;; [xyz]) ls;; esac",
        "grep TODO f && git grep TODO",
        "echo \"a TODO list\"",
        "sed s/__POD__/x/ f | sed s/@POD@/x/",
        "echo __FILE__ a__POD__b user@HOST@x $__POD__",
        "grep [abc] f | tr [abc] [xyz]",
        "ls x[abc] [abc]*",
        "sendmail --html '<p>some text'",
        "psql -c \"SELECT * FROM POD_NAME WHERE HOSTNAME = 'x'\"",
        "curl -X POST x; curl --request DELETE x; kill -TERM 1; trap 'ls' INT TERM",
        "TERM=xterm STATUS=Running MODE=CLUSTER ls",
        "redis-cli CLUSTER INFO; redis-cli -h x CLIENT LIST",
        "export DB_HOST; unset POD_NAME; read -r POD_NAME; printenv DB_HOST",
        "docker run -e DB_HOST --env API_KEY_ID x",
        "sudo --preserve-env=AWS_ACCESS_KEY_ID ls",
        "vault kv get -field=CLIENT_ID x --fields=CLIENT_ID",
        "kubectl create secret generic x --from-literal=DB_HOST=a",
        "kubectl get pods -o custom-columns=POD_NAME:.metadata.name",
        "kubectl get pods --sort-by POD_NAME",
        "grep POD_NAME f | awk HOSTNAME | sed s/NAMESPACE/x/",
        "echo NAMESPACE POD_NAME",
        "need DB_HOST; echo $DB_HOST",
        "POD_NAME=a; need POD_NAME",
        "aws x --resource-type INSTANCE --scope CLUSTER",
        "cat README LICENSE VERSION CHANGELOG NAME ID HOST USER",
        "cat <<EOF\nname: POD_NAME\nEOF",
        "jq .POD_NAME f",
        "ls /srv/POD_NAME_2 XPOD_NAMES my-POD_NAME",
        "# kubectl logs POD_NAME",
    ] {
        assert_eq!(spellings(text).0, Vec::<String>::new(), "{text}");
    }
}

#[test]
fn parameters_are_named_after_the_words_inside() {
    for (text, name) in [
        ("<pod>", "pod"),
        ("<POD NAME>", "pod_name"),
        ("{{ repo-name }}", "repo_name"),
        ("[X hours]", "x_hours"),
        ("YOUR_API_TOKEN", "api_token"),
        ("your-db_name-here", "db_name"),
        ("REPLACE_ME", "replace_me"),
        ("REPLACE_WITH_BUCKET", "bucket"),
        ("%HOST%", "host"),
        ("<alert | operator>", "alert_operator"),
        ("<1st>", "p_1st"),
        ("<http_proxy>", "http_proxy_value"),
        ("POD_NAME", "pod_name"),
        ("NAMESPACE", "namespace"),
        ("...", ""),
        ("XXXX", "xxxx"),
    ] {
        assert_eq!(parameter_name(text), name, "{text}");
    }
}

/// Every name stands for a variable of the same name.
fn all(text: &str) -> BTreeMap<String, String> {
    find(text).into_iter().map(|found| (found.name.clone(), found.name)).collect()
}

fn resolved(text: &str) -> Result<String, Unresolved> {
    resolve(text, &all(text)).map(|resolved| resolved.text)
}

#[test]
fn an_expansion_is_quoted_as_its_place_needs() {
    for (text, expected) in [
        ("kubectl logs <pod> -n prod\n", "kubectl logs \"${pod}\" -n prod\n"),
        ("kubectl logs \"<pod>-x\"", "kubectl logs \"${pod}-x\""),
        ("kubectl logs '<pod>-x'", "kubectl logs ''\"${pod}\"'-x'"),
        ("kubectl logs $'<pod>\\n'", "kubectl logs $''\"${pod}\"$'\\n'"),
        ("cat <<EOF\nname: <name>\nEOF\n", "cat <<EOF\nname: ${name}\nEOF\n"),
        ("scp <host>:/tmp/<file name> .", "scp \"${host}\":/tmp/\"${file_name}\" ."),
        ("x --body \"due to [reason]. We'll\"", "x --body \"due to ${reason}. We'll\""),
        ("X=$(kubectl get pod -l app=<app> -o name)", "X=$(kubectl get pod -l app=\"${app}\" -o name)"),
        ("X=\"$(kubectl get pod '<app>')\"", "X=\"$(kubectl get pod ''\"${app}\"'')\""),
        ("cat <<'A' <<B\nx\nA\n<name>\nB\n", "cat <<'A' <<B\nx\nA\n${name}\nB\n"),
        ("cat <<< 'x' <<A\n<name>\nA\n", "cat <<< 'x' <<A\n${name}\nA\n"),
        ("echo no placeholder", "echo no placeholder"),
        ("ls > <file>", "ls > \"${file}\""),
    ] {
        assert_eq!(resolved(text).as_deref(), Ok(expected), "{text}");
    }
}

#[test]
fn where_no_expansion_is_safe_nothing_is_replaced() {
    for text in [
        "cat <<'EOF'\n<name>\nEOF\n",
        "cat <<B <<'A'\nx\nB\n<name>\nA\n",
        "cat <<< x <<'A'\n<name>\nA\n",
        "echo `ls <dir>`",
        "echo $((1 + <number>))",
        "(( <number> > 3 ))",
        "echo ${X:-<value>}",
        "<program> --help",
        "sudo -n true; <program>",
        "if <program>; then ls; fi",
        "for <name> in a; do ls; done",
        "echo \"$(case a in a) echo <name>;; esac)\"",
        "echo \"$(echo a # it's\n echo <name>)\"",
        "echo 'unfinished <name>",
        "cat <<EOF\n`ls <name>`\nEOF\n",
        "curl ... | jq .",
        "sudo <program>",
        "sudo -n -u root <program> x",
        "sudo A=b nohup <program>",
        "timeout -s KILL 5 <program>",
        "nice -n 5 ionice -c 3 <program>",
        "env A=b <program>",
        "time -p <program>",
        "watch -n 5 <program>",
        "ls | xargs -n 1 <program>",
        "chroot /srv <program>",
        "exec <program>",
        "kubectl run x --image=y --command -- <program>",
        "kubectl -n prod exec web -- <program> -h",
        "kubectl exec web -- sudo <program>",
    ] {
        assert!(resolved(text).is_err(), "{text}: {:?}", resolved(text));
    }
    assert!(matches!(resolve("ls <a>", &BTreeMap::new()), Err(Unresolved::NoValue(what)) if what == "<a>"));
}

#[test]
fn places_that_another_program_reads_take_plain_values_only() {
    for (text, guard) in [
        ("kubectl logs <pod>", Guard::Free),
        ("kubectl logs --selector=app=<app>", Guard::Plain),
        ("printf '%s\\n' <pod>", Guard::Free),
        ("printf '<pod>\\n'", Guard::Plain),
        ("printf -v <name> x", Guard::Plain),
        ("echo \"hello <name>, it's on\"", Guard::Free),
        ("echo \"rm <name>\" | sh", Guard::Plain),
        ("for i in 1; do echo <name>; done | sh", Guard::Plain),
        ("echo '{\"a\": \"<name>\"}'", Guard::Free),
        ("gh issue create --body \"due to [reason]. We'll\"", Guard::Free),
        ("sns publish --message '{\"a\": \"<name>\"}'", Guard::Plain),
        ("git commit -m \"because <name>\"", Guard::Free),
        ("ssh web1 ls <dir>", Guard::Plain),
        ("sudo bash -c 'ls <dir>'", Guard::Plain),
        ("kubectl exec web -- sh -c \"ls <dir>\"", Guard::Plain),
        ("/usr/bin/python3.11 x <dir>", Guard::Plain),
        ("psql -c \"select <id>\"", Guard::Plain),
        ("run \"select <id>\"", Guard::Plain),
        ("run '.a == \"<id>\"'", Guard::Plain),
        ("run \"$X-<id>\"", Guard::Plain),
        ("curl https://example.com/?q=<term>", Guard::Plain),
        ("[[ <number> -eq 3 ]]", Guard::Plain),
        ("test -v <name>", Guard::Plain),
        ("list[<index>]=1", Guard::Plain),
        ("X=<value>", Guard::Plain),
        ("export X=<value>", Guard::Plain),
        ("X=$(ls <dir>)", Guard::Plain),
        ("cat <<EOF\n<name>\nEOF", Guard::Plain),
        ("bash <<< <name>", Guard::Plain),
        ("cat <<< \"<name>\"", Guard::Plain),
        ("ls > <file>", Guard::Tame),
        ("flock f -c \"<pod>\"", Guard::Plain),
        ("script -c \"<pod>\"", Guard::Plain),
        ("salt web cmd.run <pod>", Guard::Plain),
        ("pssh -H web <pod>", Guard::Plain),
        ("aws ssm send-command --parameters commands=\"<pod>\"", Guard::Plain),
        ("az vm run-command invoke --scripts <pod>", Guard::Plain),
        ("az x --scripts <pod>", Guard::Tame),
        ("logger \"<pod>\" | sh", Guard::Plain),
        ("cat <file> | sudo /bin/bash -s", Guard::Plain),
        ("ls <dir> | xargs rm", Guard::Plain),
        ("cat x <dir> > >(sh)", Guard::Plain),
        ("kubectl logs <pod> | tail", Guard::Free),
        ("sed <pod>", Guard::Plain),
        ("less \"+<pod>\"", Guard::Plain),
        ("some-tool <pod>", Guard::Tame),
        ("systemctl restart <unit>", Guard::Tame),
        ("sudo systemctl restart <unit>", Guard::Tame),
        ("sudo -u root cat <file>", Guard::Free),
        ("timeout 5 cat <file>", Guard::Free),
        ("timeout <time> cat x", Guard::Tame),
        ("sudo -u <user> ls", Guard::Tame),
        ("xargs -n 1 ls <dir>", Guard::Plain),
        ("kubectl exec <pod> -- ls", Guard::Plain),
        ("kubectl exec web -- cat <file>", Guard::Plain),
        ("kubectl get pods -o <format>", Guard::Plain),
        ("kubectl patch pod x -p <patch>", Guard::Plain),
        ("kubectl cp <file> web:/x", Guard::Tame),
        ("kubectl debug <pod>", Guard::Tame),
        ("some-tool --message \"it is <name>\"", Guard::Free),
        ("ssh web notify --message <name>", Guard::Plain),
    ] {
        let found = find(text);
        assert_eq!(found.len(), 1, "{text}");
        assert_eq!(found[0].guard, guard, "{text}");
    }
    for (value, free, plain) in [
        ("web-1", true, true),
        ("https://example.com/a.b", true, true),
        ("a b", true, false),
        ("$(x)", true, false),
        ("a--b", true, false),
        ("-rf", false, false),
        ("@file", true, false),
        ("", false, false),
        ("a\0b", false, false),
        ("a[0]", true, false),
    ] {
        assert_eq!(Guard::Free.check(value, false).is_ok(), free, "{value:?}");
        assert_eq!(Guard::Plain.check(value, true).is_ok(), plain, "{value:?}");
    }
    assert!(Guard::Free.check("-rf", true).is_ok());
    for value in ["web-1", "a b", "a=b,c", "50%", "x@y:/z+1", "café"] {
        assert_eq!(Guard::Tame.check(value, false), Ok(()), "{value:?}");
    }
    for value in
        ["-rf", "a;b", "$(x)", "`x`", "a|b", "a\nb", "a\tb", "'", "\"", "a>b", "*", "~", "a!", "{a}", "a\0b"]
    {
        assert!(Guard::Tame.check(value, false).is_err(), "{value:?}");
    }
}

/// Texts that would take minutes if the whole of a word or document were looked at for each placeholder in it.
#[test]
fn hostile_texts_end() {
    for unit in [
        "x",
        "xxx ",
        "<a>",
        "<a> ",
        "[abc def]",
        "[reason]",
        "your-a",
        "%ABC%",
        "{{a}}",
        "...",
        "\"<a>\"",
        "<a",
        "<a->",
        "<a ->",
        "\\<a",
        "__A__",
        "@AB@",
        "TODO ",
        "a=TODO",
        "$(",
        "((",
        "<<E <a>\n",
    ] {
        let body = unit.repeat(40_000 / unit.len());
        for text in
            [body.clone(), format!("'{body}'"), format!("\"{body}\""), format!("cat <<E\n{body}\nE\n")]
        {
            let _ = (find(&text).len(), assigned(&text).len(), resolved(&text).is_ok());
        }
    }
}

proptest! {
    #[test]
    fn any_text_is_survived(text in "[ -~\n\té…]{0,80}") {
        for found in find(&text) {
            prop_assert_eq!(text.get(found.start..found.end), Some(found.text.as_str()));
        }
        let _ = resolved(&text);
    }

    #[test]
    fn shell_like_text_is_survived(
        text in "(<pod>|\\[the reason\\]|\\{x\\}|echo|<<E\n|<<'E'\n|\nE\n|\\$\\(|\\)|\\$\\{|\\}|`|'|\"|;|#|\\\\| |\\$'|\\(\\(|\\)\\)){0,24}"
    ) {
        for found in find(&text) {
            prop_assert_eq!(text.get(found.start..found.end), Some(found.text.as_str()));
        }
        let _ = resolved(&text);
    }
}

#[test]
fn samples_that_only_show_where_a_value_belongs() {
    let rows: &[(&str, &[&str])] = &[
        ("kubectl delete pod [pod-name]", &["[pod-name]"]),
        ("kubectl delete pod/[pod-name] -n [name-space]", &["[pod-name]", "[name-space]"]),
        ("kubectl logs --pod=[pod_name]", &["[pod_name]"]),
        ("kubectl delete pod POD_NAME_HERE", &["POD_NAME_HERE"]),
        ("curl -H \"Authorization: Bearer TOKEN_HERE\" x", &["TOKEN_HERE"]),
        ("vault login INSERT_TOKEN", &["INSERT_TOKEN"]),
        ("export TOKEN=INSERT_TOKEN_HERE", &["INSERT_TOKEN_HERE"]),
        ("ping 10.0.0.X", &["10.0.0.X"]),
        ("ssh root@10.0.X.Y; ping x.x.x.x", &["10.0.X.Y", "x.x.x.x"]),
        ("ip route add 192.168.x.0/24 via 192.168.x.1", &["192.168.x.0", "192.168.x.1"]),
        ("ls /path/to/dir; cd path/to/repo && ls", &["/path/to/dir", "path/to/repo"]),
        ("tar xf $HOME/path/to/your/a.tar.gz.", &["path/to/your/a.tar.gz"]),
        ("cp x --to=/path/to/", &["/path/to/"]),
        ("ls «dir» ‹other dir›", &["«dir»", "‹other dir›"]),
        ("kubectl rollout undo deploy/web --to-revision=TBD", &["TBD"]),
        ("kubectl delete pod FIXME", &["FIXME"]),
        ("kubectl logs $(kubectl get pods -l app=APP_NAME -o name)", &["APP_NAME"]),
        ("echo \"$(kubectl get pod POD_NAME)\" $(a \"$(b 10.0.0.X)\")", &["POD_NAME", "10.0.0.X"]),
        ("psql -c \"select 1 from t where id = 'USER_ID'\"", &["USER_ID"]),
        ("kubectl delete pod [...]; rm -rf /srv/...; curl -d '...' x", &["[...]", "...", "..."]),
        // what looks alike
        ("ls [a-z] [ab].log [0-9]", &[]),
        ("pip install 'package[extra-one]' package[extra-one] .[dev-tools]", &[]),
        ("cat <<SQL_HERE\nx\nSQL_HERE\n", &[]),
        ("TOKEN_HERE=x; echo $TOKEN_HERE", &[]),
        ("psql -c 'INSERT INTO t VALUES (1)'; mysql -e INSERT_ROWS", &[]),
        ("psql -c \"select USER_ID from t where USER_ID = 3\"", &[]),
        ("npm install a@18.x.x b@1.2.x; grep 10.0.0.x /etc/hosts", &[]),
        ("jq .x.y a.json; cat a.x.y.z.log", &[]),
        ("ls /my-path/to/dir /path/tomcat", &[]),
        ("echo usage: x /path/to/file; printf '...'", &[]),
        ("go test ./... && bazel test //...", &[]),
        ("git log a...b; git diff main...HEAD", &[]),
        ("POD_NAME=a; kubectl logs $(kubectl get pod POD_NAME)", &[]),
        ("echo $((x.y)) ${x:-…a}", &[]),
    ];
    for (text, expected) in rows {
        let found: Vec<String> = find(text).into_iter().map(|placeholder| placeholder.text).collect();
        assert_eq!(found, *expected, "{text}");
    }
}
