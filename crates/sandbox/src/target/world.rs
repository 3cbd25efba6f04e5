//! The target's state and its one advance function. Time comes in as an argument; nothing here sleeps or listens.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::TargetConfig;
use super::deployment::Deployment;
use super::flows::{self, FLOW_EVERY_MS, Flows};

/// Repositories that FlowEngine knows; the first is the pilot.
const REPOS: [&str; 4] = ["compliance-service", "financial-reporting", "billing-api", "data-pipeline"];

/// One line of the request log.
#[derive(Debug, Clone, serde::Serialize)]
pub(super) struct LogLine {
    pub(super) at: String,
    pub(super) method: String,
    pub(super) path: String,
    pub(super) status: u16,
    pub(super) body_sha256: String,
    pub(super) body_bytes: usize,
    pub(super) user_agent: String,
    /// The full command line, when the stand-in `kubectl` made the request.
    pub(super) command: Option<String>,
}

#[derive(Debug)]
pub(super) struct World {
    pub(super) deployments: BTreeMap<String, Deployment>,
    pub(super) flows: Flows,
    pub(super) stays_bad: bool,
    pub(super) log: Vec<LogLine>,
    /// Milliseconds since the process began, as of the last step.
    pub(super) now_ms: u64,
    pub(super) now: DateTime<Utc>,
    next_flow_ms: u64,
    turn: usize,
}

impl World {
    pub(super) fn new(config: &TargetConfig, now: DateTime<Utc>) -> Self {
        let image = format!("flowengine:{}", config.version);
        let engine = Deployment::new(
            "flowengine",
            config.replicas,
            &image,
            &[("CONTEXT_PRUNING_ENABLED", "true"), ("REPO_ALLOWLIST", "*")],
            now,
        );
        let portal = Deployment::new("onboarding-portal", 2, "onboarding-portal:v2.0", &[], now);
        Self {
            deployments: [engine, portal].into_iter().map(|d| (d.name.clone(), d)).collect(),
            flows: Flows::default(),
            stays_bad: config.stays_bad,
            log: Vec::new(),
            now_ms: 0,
            now,
            next_flow_ms: 0,
            turn: 0,
        }
    }

    /// Moves the world to `now_ms`: rollouts advance, the flows that are due end, the window slides.
    pub(super) fn step(&mut self, now_ms: u64, now: DateTime<Utc>) {
        self.now_ms = now_ms;
        self.now = now;
        for deployment in self.deployments.values_mut() {
            deployment.step(now_ms, now);
        }
        // A process that was not scheduled for long does not catch up more than one window.
        self.next_flow_ms = self.next_flow_ms.max(now_ms.saturating_sub(flows::WINDOW_MS));
        while self.next_flow_ms <= now_ms {
            if let Some(version) = self.next_version() {
                let how = flows::behaviour(&version, self.stays_bad);
                self.flows.run(&version, how, self.next_flow_ms, now);
            }
            self.next_flow_ms += FLOW_EVERY_MS;
        }
        self.flows.slide(now_ms);
    }

    /// The version of the pod whose turn it is; none while no pod is ready.
    fn next_version(&mut self) -> Option<String> {
        let ready: Vec<&str> = self
            .deployments
            .get("flowengine")?
            .pods
            .iter()
            .filter(|p| p.ready)
            .map(|p| p.template.version())
            .collect();
        self.turn = self.turn.wrapping_add(1);
        ready.get(self.turn % ready.len().max(1)).map(|v| (*v).to_owned())
    }

    /// Runs one flow on request. `None` while no replica is ready.
    pub(super) fn test_flow(&mut self) -> Option<(bool, Value)> {
        let version = self.deployments.get("flowengine").filter(|d| d.ready() > 0)?.serving_version();
        let how = flows::behaviour(&version, self.stays_bad);
        Some(self.flows.run_test(&version, how, self.now_ms, self.now))
    }

    /// `GET /api/v1/stats`.
    pub(super) fn stats(&self) -> Value {
        let (failed, total) = self.flows.window_counts();
        let Some(engine) = self.deployments.get("flowengine") else { return json!({}) };
        json!({
            "version": engine.serving_version(),
            "desired_version": engine.current().template.version(),
            "revision": engine.current().number,
            "replicas": engine.replicas,
            "ready": engine.ready(),
            "failure_rate_percent": self.flows.failure_percent(),
            "p95_seconds": self.flows.p95_seconds(),
            "window_ms": flows::WINDOW_MS,
            "window": format!("{}s", flows::WINDOW_MS / 1000),
            "failed": failed,
            "total": total,
            "by_version": self.flows.by_version(),
        })
    }

    /// `GET /_state`.
    pub(super) fn whole(&self) -> Value {
        let deployments: Vec<Value> = self.deployments.values().map(Deployment::summary).collect();
        json!({"stats": self.stats(), "stays_bad": self.stays_bad, "deployments": deployments})
    }

    /// `GET /api/v1/repos`: which repositories the allow-list lets in (`*` = all).
    pub(super) fn repos(&self) -> Value {
        let allow = self
            .deployments
            .get("flowengine")
            .and_then(|d| d.current().template.env.get("REPO_ALLOWLIST").cloned())
            .unwrap_or_else(|| "*".into());
        let enabled = |repo: &str| allow.split(',').map(str::trim).any(|a| a == "*" || a == repo);
        Value::Array(REPOS.iter().map(|r| json!({"repo": r, "enabled": enabled(r)})).collect())
    }

    /// `GET /metrics`.
    pub(super) fn prometheus(&self) -> String {
        let mut text = self.flows.prometheus();
        if let Some(engine) = self.deployments.get("flowengine") {
            text.push_str(&format!(
                "# HELP flowengine_replicas Wanted and ready replicas.\n# TYPE flowengine_replicas gauge\n\
                 flowengine_replicas{{state=\"wanted\"}} {}\nflowengine_replicas{{state=\"ready\"}} {}\n\
                 # HELP flowengine_build_info The version that serves.\n# TYPE flowengine_build_info gauge\n\
                 flowengine_build_info{{version=\"{}\"}} 1\n",
                engine.replicas,
                engine.ready(),
                engine.serving_version()
            ));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::deployment::Undo;

    fn percent(world: &World) -> f64 {
        world.stats()["failure_rate_percent"].as_f64().unwrap()
    }

    /// The whole story in virtual time: good, bad release, rollback, good again.
    #[test]
    fn the_failure_rate_rises_with_the_release_and_falls_with_the_rollback() {
        let at = crate::clock::now();
        let mut world = World::new(&TargetConfig::default(), at);
        let mut ms = 0;
        let mut run = |world: &mut World, for_ms: u64| {
            let until = ms + for_ms;
            while ms < until {
                ms += 20;
                world.step(ms, at);
            }
        };
        run(&mut world, 1_000);
        assert!(percent(&world) < 1.1, "{}", percent(&world));
        let engine = world.deployments.get_mut("flowengine").unwrap();
        let mut template = engine.current().template.clone();
        template.image = "flowengine:v1.2".into();
        engine.set_template(template, None, 1_000, at);
        run(&mut world, 1_600);
        assert!(percent(&world) > 30.0, "{}", percent(&world));
        assert_eq!(world.stats()["version"], "v1.2");
        let now_ms = world.now_ms;
        assert_eq!(world.deployments.get_mut("flowengine").unwrap().undo(1, now_ms, at), Undo::RolledBack(3));
        run(&mut world, 1_600);
        assert!(percent(&world) < 1.1, "{}", percent(&world));
        world.stays_bad = true;
        run(&mut world, 1_100);
        assert!(percent(&world) > 30.0);
    }

    #[test]
    fn without_ready_replicas_no_flow_runs() {
        let at = crate::clock::now();
        let mut world = World::new(&TargetConfig::default(), at);
        world.step(500, at);
        world.deployments.get_mut("flowengine").unwrap().scale(0, 500, at);
        world.step(1_600, at);
        assert_eq!(world.stats()["total"], 0);
        assert!(world.test_flow().is_none());
    }
}
