//! Deployments, their revisions and pods, with the semantics of Kubernetes that a rollback relies on.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use crate::clock::{iso, iso_seconds};
use crate::{ids, sign};

/// The one namespace that exists.
pub(crate) const NAMESPACE: &str = "production";
/// A replaced replica becomes ready after this long, milliseconds; one at a time, so five take 400 ms.
pub(super) const READY_AFTER_MS: u64 = 80;

/// What a revision runs.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Template {
    pub(super) image: String,
    pub(super) env: BTreeMap<String, String>,
}

impl Template {
    fn hash(&self) -> String {
        sign::digest(format!("{}|{:?}", self.image, self.env).as_bytes())[..10].to_owned()
    }

    /// The image's tag: `v1.1` of `flowengine:v1.1`.
    pub(super) fn version(&self) -> &str {
        self.image.rsplit_once(':').map_or("latest", |(_, tag)| tag)
    }
}

/// One entry of the rollout history.
#[derive(Debug, Clone)]
pub(super) struct Revision {
    pub(super) number: u64,
    pub(super) template: Template,
    pub(super) change_cause: Option<String>,
    pub(super) at: DateTime<Utc>,
}

#[derive(Debug, Clone)]
pub(super) struct Pod {
    pub(super) name: String,
    pub(super) template: Template,
    pub(super) ready: bool,
    started: DateTime<Utc>,
}

/// What became of `rollout undo`.
#[derive(Debug, PartialEq)]
pub(super) enum Undo {
    RolledBack(u64),
    /// The template already is the wanted one: Kubernetes does nothing and says so.
    Skipped(u64),
    NoSuchRevision,
    NoHistory,
}

#[derive(Debug)]
pub(super) struct Deployment {
    pub(super) name: String,
    pub(super) replicas: u32,
    /// Oldest first; the last one is current.
    pub(super) revisions: Vec<Revision>,
    pub(super) pods: Vec<Pod>,
    generation: u64,
    created: DateTime<Utc>,
    next_step_ms: u64,
}

impl Deployment {
    /// A deployment whose first revision is already rolled out.
    pub(super) fn new(
        name: &str,
        replicas: u32,
        image: &str,
        env: &[(&str, &str)],
        at: DateTime<Utc>,
    ) -> Self {
        let env = env.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let template = Template { image: image.to_owned(), env };
        let first = Revision {
            number: 1,
            change_cause: Some(format!("release {}", template.version())),
            template,
            at,
        };
        let mut deployment = Self {
            name: name.to_owned(),
            replicas,
            revisions: vec![first],
            pods: Vec::new(),
            generation: 1,
            created: at,
            next_step_ms: 0,
        };
        for _ in 0..replicas {
            deployment.add_pod(at);
            if let Some(pod) = deployment.pods.last_mut() {
                pod.ready = true;
            }
        }
        deployment
    }

    /// What a person wants to know at a glance.
    pub(super) fn summary(&self) -> Value {
        let pods: Vec<Value> = self
            .pods
            .iter()
            .map(|p| json!({"name": p.name, "version": p.template.version(), "ready": p.ready}))
            .collect();
        let current = self.current();
        json!({
            "name": self.name, "replicas": self.replicas, "ready": self.ready(), "revision": current.number,
            "version": current.template.version(), "change_cause": current.change_cause,
            "env": current.template.env, "pods": pods,
        })
    }

    pub(super) fn current(&self) -> &Revision {
        // A deployment is born with a revision and never loses its last one.
        &self.revisions[self.revisions.len() - 1]
    }

    fn add_pod(&mut self, at: DateTime<Utc>) {
        let template = self.current().template.clone();
        let name = format!("{}-{}-{}", self.name, template.hash(), ids::lower(5));
        self.pods.push(Pod { name, template, ready: false, started: at });
    }

    fn is_current(&self, pod: &Pod) -> bool {
        pod.template == self.current().template
    }

    /// Moves pods one step towards the spec if a step is due.
    pub(super) fn step(&mut self, now_ms: u64, now: DateTime<Utc>) {
        if now_ms < self.next_step_ms {
            return;
        }
        let template = self.current().template.clone();
        if let Some(pod) = self.pods.iter_mut().find(|p| !p.ready && p.template == template) {
            pod.ready = true;
        }
        self.reconcile(now_ms, now);
    }

    fn reconcile(&mut self, now_ms: u64, now: DateTime<Utc>) {
        let wanted = self.replicas as usize;
        // Surplus goes at once: old and unready pods first, as the deployment controller prefers.
        let template = self.current().template.clone();
        self.pods.sort_by_key(|p| (p.template != template, !p.ready));
        self.pods.truncate(wanted);
        let settled = self.pods.iter().all(|p| p.ready || !self.is_current(p));
        if let Some(old) = self.pods.iter().position(|p| !self.is_current(p)).filter(|_| settled) {
            self.pods.remove(old);
            self.add_pod(now);
        }
        while self.pods.len() < wanted {
            self.add_pod(now);
        }
        self.next_step_ms = now_ms + READY_AFTER_MS;
    }

    /// Sets the number of replicas.
    pub(super) fn scale(&mut self, replicas: u32, now_ms: u64, now: DateTime<Utc>) {
        if self.replicas != replicas {
            self.replicas = replicas;
            self.generation += 1;
            self.reconcile(now_ms, now);
        }
    }

    /// Gives the deployment a template. A template that an older revision already had takes that revision's place at
    /// the top under a new number, as Kubernetes reuses the old ReplicaSet. `false` if nothing changed.
    pub(super) fn set_template(
        &mut self,
        template: Template,
        change_cause: Option<String>,
        now_ms: u64,
        now: DateTime<Utc>,
    ) -> bool {
        if self.current().template == template {
            return false;
        }
        let number = self.current().number + 1;
        self.revisions.retain(|r| r.template != template);
        self.revisions.push(Revision { number, template, change_cause, at: now });
        self.generation += 1;
        self.reconcile(now_ms, now);
        true
    }

    /// `kubectl rollout undo`; `to` 0 means the revision before the current one.
    pub(super) fn undo(&mut self, to: u64, now_ms: u64, now: DateTime<Utc>) -> Undo {
        let found = if to == 0 {
            match self.revisions.len().checked_sub(2).and_then(|i| self.revisions.get(i)) {
                Some(previous) => previous.clone(),
                None => return Undo::NoHistory,
            }
        } else {
            match self.revisions.iter().find(|r| r.number == to) {
                Some(revision) => revision.clone(),
                None => return Undo::NoSuchRevision,
            }
        };
        if self.set_template(found.template, found.change_cause, now_ms, now) {
            Undo::RolledBack(self.current().number)
        } else {
            Undo::Skipped(self.current().number)
        }
    }

    /// The version that most ready pods run: what users get. Between equals, the current one.
    pub(super) fn serving_version(&self) -> String {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for pod in self.pods.iter().filter(|p| p.ready) {
            *counts.entry(pod.template.version()).or_insert(0) += 1;
        }
        let current = self.current().template.version();
        counts
            .into_iter()
            .max_by_key(|(version, count)| (*count, *version == current))
            .map_or(current, |(version, _)| version)
            .to_owned()
    }

    pub(super) fn ready(&self) -> usize {
        self.pods.iter().filter(|p| p.ready).count()
    }

    /// `GET /api/v1/rollouts`: oldest revision first.
    pub(super) fn rollouts_json(&self) -> Value {
        let current = self.current().number;
        let list = self.revisions.iter().map(|r| {
            json!({
                "revision": r.number,
                "image": r.template.image,
                "version": r.template.version(),
                "change_cause": r.change_cause,
                "at": iso(r.at),
                "current": r.number == current,
            })
        });
        Value::Array(list.collect())
    }

    /// The object as the Kubernetes API shows it.
    pub(super) fn json(&self) -> Value {
        let current = self.current();
        let env: Vec<Value> =
            current.template.env.iter().map(|(k, v)| json!({"name": k, "value": v})).collect();
        let labels = json!({"app": self.name});
        let updated = self.pods.iter().filter(|p| self.is_current(p)).count();
        let ready = self.ready();
        let mut annotations = json!({"deployment.kubernetes.io/revision": current.number.to_string()});
        if let Some(cause) = &current.change_cause {
            annotations["kubernetes.io/change-cause"] = json!(cause);
        }
        let mut status = json!({"observedGeneration": self.generation});
        // The API omits zero counts, and scripts that read them must cope.
        for (field, count) in [
            ("replicas", self.pods.len()),
            ("updatedReplicas", updated),
            ("readyReplicas", ready),
            ("availableReplicas", ready),
            ("unavailableReplicas", (self.replicas as usize).saturating_sub(ready)),
        ] {
            if count > 0 {
                status[field] = json!(count);
            }
        }
        let available = ready + 1 >= self.replicas as usize;
        status["conditions"] = json!([
            {"type": "Available", "status": if available { "True" } else { "False" }},
            {"type": "Progressing", "status": "True"},
        ]);
        let mut container = json!({"name": self.name, "image": current.template.image});
        if !env.is_empty() {
            container["env"] = Value::Array(env);
        }
        json!({
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {
                "name": self.name,
                "namespace": NAMESPACE,
                "generation": self.generation,
                "creationTimestamp": iso_seconds(self.created),
                "labels": labels,
                "annotations": annotations,
            },
            "spec": {
                "replicas": self.replicas,
                "revisionHistoryLimit": 10,
                "selector": {"matchLabels": labels},
                "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
            },
            "status": status,
        })
    }

    /// Its pods as the Kubernetes API shows them.
    pub(super) fn pods_json(&self) -> Vec<Value> {
        self.pods
            .iter()
            .map(|pod| {
                let phase = if pod.ready { "Running" } else { "Pending" };
                json!({
                    "apiVersion": "v1",
                    "kind": "Pod",
                    "metadata": {
                        "name": pod.name,
                        "namespace": NAMESPACE,
                        "creationTimestamp": iso_seconds(pod.started),
                        "labels": {"app": self.name, "pod-template-hash": pod.template.hash()},
                    },
                    "spec": {"containers": [{"name": self.name, "image": pod.template.image}]},
                    "status": {
                        "phase": phase,
                        "startTime": iso_seconds(pod.started),
                        "containerStatuses": [{
                            "name": self.name,
                            "image": pod.template.image,
                            "ready": pod.ready,
                            "restartCount": 0,
                        }],
                    },
                })
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flowengine() -> Deployment {
        Deployment::new("flowengine", 5, "flowengine:v1.1", &[], crate::clock::now())
    }

    fn image(version: &str) -> Template {
        Template { image: format!("flowengine:{version}"), env: BTreeMap::new() }
    }

    #[test]
    fn undo_to_a_revision_moves_it_to_the_top_under_a_new_number() {
        let (mut d, at) = (flowengine(), crate::clock::now());
        assert_eq!(d.undo(0, 0, at), Undo::NoHistory);
        assert!(d.set_template(image("v1.2"), Some("release v1.2".into()), 0, at));
        assert_eq!(d.undo(9, 0, at), Undo::NoSuchRevision);
        assert_eq!(d.undo(1, 0, at), Undo::RolledBack(3));
        assert_eq!(d.revisions.iter().map(|r| r.number).collect::<Vec<_>>(), [2, 3]);
        assert_eq!(d.current().template.image, "flowengine:v1.1");
        assert_eq!(d.current().change_cause.as_deref(), Some("release v1.1"));
        assert_eq!(d.undo(3, 0, at), Undo::Skipped(3));
        assert_eq!(d.undo(1, 0, at), Undo::NoSuchRevision);
        // An unpinned second undo goes back to the bad version: the trap that a pinned revision avoids.
        assert_eq!(d.undo(0, 0, at), Undo::RolledBack(4));
        assert_eq!(d.current().template.image, "flowengine:v1.2");
    }

    #[test]
    fn a_rollout_replaces_pods_one_at_a_time_and_never_drops_below_four() {
        let (mut d, at) = (flowengine(), crate::clock::now());
        d.set_template(image("v1.2"), None, 0, at);
        let mut updated_ready = Vec::new();
        for ms in (0..=400).step_by(20) {
            d.step(ms, at);
            assert!(d.ready() >= 4, "{} ready at {ms} ms", d.ready());
            updated_ready.push(d.pods.iter().filter(|p| p.ready && d.is_current(p)).count());
        }
        assert_eq!(updated_ready.last(), Some(&5));
        assert!(updated_ready.windows(2).all(|w| w[1] - w[0] <= 1), "{updated_ready:?}");
        assert_eq!(d.serving_version(), "v1.2");
    }

    #[test]
    fn scaling_to_zero_is_at_once_and_back_up_takes_steps() {
        let (mut d, at) = (flowengine(), crate::clock::now());
        d.scale(0, 0, at);
        assert_eq!(d.pods.len(), 0);
        assert!(d.json()["status"].get("readyReplicas").is_none());
        d.scale(2, 100, at);
        assert_eq!((d.pods.len(), d.ready()), (2, 0));
        for ms in (100..400).step_by(20) {
            d.step(ms, at);
        }
        assert_eq!(d.ready(), 2);
    }
}
