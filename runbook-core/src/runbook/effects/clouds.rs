//! aws: what only reads, without what gives a credential. Functions, tasks and machines carry some in their
//! environment and user data, so only what is known passes.

use super::super::shell::Word;

/// Services of which everything that describes or lists is known to show no credential, some verbs aside.
const DESCRIBED: &[(&str, &[&str])] = &[
    ("acm", &[]),
    ("autoscaling", &["describe-launch-configurations"]),
    ("backup", &[]),
    ("cloudformation", &[]),
    ("cloudtrail", &[]),
    ("cloudwatch", &[]),
    ("codedeploy", &[]),
    ("codepipeline", &[]),
    ("docdb", &[]),
    ("dynamodb", &[]),
    (
        "ec2",
        &[
            "describe-instance-attribute",
            "describe-launch-template-versions",
            "describe-spot-instance-requests",
            "describe-spot-fleet-requests",
            "describe-vpn-connections",
        ],
    ),
    ("ecr", &[]),
    ("ecs", &["describe-task-definition", "describe-tasks"]),
    ("efs", &[]),
    ("eks", &[]),
    ("elasticache", &[]),
    ("elb", &[]),
    ("elbv2", &[]),
    ("events", &[]),
    ("firehose", &[]),
    ("guardduty", &[]),
    ("health", &[]),
    ("iam", &[]),
    ("kafka", &[]),
    ("kinesis", &[]),
    ("kms", &[]),
    ("logs", &[]),
    ("neptune", &[]),
    ("opensearch", &[]),
    ("organizations", &[]),
    ("rds", &[]),
    ("redshift", &[]),
    ("route53", &[]),
    ("s3api", &[]),
    ("secretsmanager", &[]),
    ("sqs", &[]),
    ("ssm", &["list-command-invocations", "list-commands", "describe-document"]),
    ("stepfunctions", &[]),
    ("wafv2", &[]),
];

/// Other verbs, by service.
fn is_known(service: &str, verb: &str) -> bool {
    match service {
        "s3" => verb == "ls",
        "sts" => verb == "get-caller-identity",
        "s3api" => {
            verb.starts_with("get-bucket-")
                || matches!(
                    verb,
                    "get-object-lock-configuration"
                        | "get-object-tagging"
                        | "get-object-attributes"
                        | "get-object-acl"
                        | "get-public-access-block"
                        | "head-object"
                        | "head-bucket"
                )
        }
        "logs" => matches!(verb, "filter-log-events" | "get-log-events" | "get-query-results"),
        "dynamodb" => matches!(verb, "get-item" | "query" | "scan"),
        "sqs" => matches!(verb, "get-queue-attributes" | "get-queue-url"),
        // it takes the task
        "stepfunctions" => verb.starts_with("get-") && verb != "get-activity-task",
        // an artifact's credentials come with a job
        "codepipeline" => verb.starts_with("get-pipeline"),
        "cloudwatch" | "iam" | "route53" | "ce" | "guardduty" => verb.starts_with("get-"),
        "wafv2" => {
            matches!(verb, "get-web-acl" | "get-web-acl-for-resource" | "get-ip-set" | "get-rule-group")
        }
        "lambda" => matches!(
            verb,
            "list-aliases"
                | "list-event-source-mappings"
                | "list-layers"
                | "list-tags"
                | "get-function-concurrency"
                | "get-function-event-invoke-config"
                | "get-policy"
                | "get-account-settings"
        ),
        "sns" => matches!(verb, "list-topics" | "get-topic-attributes"),
        "kms" => matches!(verb, "get-key-policy" | "get-key-rotation-status"),
        "cloudfront" => matches!(verb, "list-invalidations" | "get-invalidation"),
        "codebuild" => verb.starts_with("list-"),
        _ => false,
    }
}

/// A service and a verb that are known.
pub(super) fn aws(args: &[Word<'_>]) -> bool {
    let [service, verb, ..] = args else { return false };
    if service.expands || verb.expands {
        return false;
    }
    let (service, verb) = (service.text(), verb.text());
    let describes = verb.starts_with("describe-") || verb.starts_with("list-");
    let described = DESCRIBED.iter().any(|(name, but)| *name == service && !but.contains(&verb));
    (describes && described) || is_known(service, verb)
}

/// `--debug` prints signed headers, `file://` reads a file that an error then shows.
pub(super) fn aws_is_discreet(args: &[Word<'_>]) -> bool {
    args.iter().all(|arg| {
        !["--debug", "--with-d", "--endpoint", "--cli-input"].iter().any(|bad| arg.value.starts_with(bad))
            && !arg.value.contains("file://")
            && !arg.value.contains("fileb://")
    })
}
