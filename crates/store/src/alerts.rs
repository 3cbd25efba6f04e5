//! Alerts of monitoring systems, as they stand.

use std::collections::BTreeSet;

use chrono::{DateTime, SecondsFormat, Utc};
use runbook_core::alert::{AlertCount, AlertRow, pager_key};
use runbook_core::ids::IncidentId;
use runbook_core::ports::AlertsOf;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use crate::error::Fault;
use crate::rows::{json, read};
use crate::values::{limit, micros};

/// Puts a row in the place of its former self.
pub(crate) fn put(connection: &Connection, row: &AlertRow) -> Result<usize, Fault> {
    Ok(connection
        .prepare_cached(
            // unlike REPLACE it leaves alone the indexes whose columns stay
            "INSERT INTO alerts (source, fingerprint, incident, grp, firing, watched, joined_at, seen_at, row, pager_key)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
             ON CONFLICT (source, fingerprint) DO UPDATE SET
                 incident = excluded.incident, grp = excluded.grp, firing = excluded.firing, watched = excluded.watched,
                 joined_at = excluded.joined_at, seen_at = excluded.seen_at, row = excluded.row,
                 pager_key = excluded.pager_key",
        )?
        .execute(params![
            row.source,
            row.fingerprint,
            row.incident.map(|id| id.to_string()),
            row.group,
            row.firing,
            row.is_watched(),
            row.joined_at.map(micros),
            micros(row.seen_at),
            json(row)?,
            row.group.as_deref().map(pager_key)
        ])?)
}

/// Written out as its index is. A group may have ended alerts of thirty days.
const GROUP_NOW: &str = "SELECT row FROM alerts INDEXED BY alerts_group_now
     WHERE source = ?1 AND grp = ?2 AND incident IS NOT NULL AND (firing = 1 OR watched = 1)
     ORDER BY joined_at DESC, fingerprint LIMIT ?3";

/// Those that are meant, at most so many.
pub(crate) fn find(connection: &Connection, which: &AlertsOf, rows: usize) -> Result<Vec<AlertRow>, Fault> {
    let most = limit(rows);
    match which {
        AlertsOf::These(keys) => {
            let mut keys: Vec<_> = keys.iter().collect();
            keys.sort();
            keys.dedup();
            let mut found = Vec::new();
            for (source, fingerprint) in keys {
                if found.len() >= rows {
                    break;
                }
                let sql = "SELECT row FROM alerts WHERE source = ?1 AND fingerprint = ?2";
                found.extend(read(connection, sql, [source, fingerprint])?);
            }
            Ok(found)
        }
        AlertsOf::Group { source, group } => read(
            connection,
            "SELECT row FROM alerts WHERE source = ?1 AND grp = ?2 AND incident IS NOT NULL
             ORDER BY joined_at DESC, fingerprint LIMIT ?3",
            params![source, group, most],
        ),
        AlertsOf::GroupNow { source, group } => read(connection, GROUP_NOW, params![source, group, most]),
        AlertsOf::Incident(id) => read(
            connection,
            "SELECT row FROM alerts WHERE incident = ?1 ORDER BY firing DESC, joined_at, source, fingerprint LIMIT ?2",
            params![id.to_string(), most],
        ),
        AlertsOf::Newest(id) => read(
            connection,
            "SELECT row FROM alerts WHERE incident = ?1 ORDER BY joined_at DESC, source, fingerprint LIMIT ?2",
            params![id.to_string(), most],
        ),
        AlertsOf::NewestOf(ids) => {
            let sql = "SELECT row FROM alerts WHERE incident = ?1 ORDER BY joined_at DESC, source, fingerprint LIMIT 1";
            let mut found = Vec::new();
            for id in ids {
                found.extend(read(connection, sql, [id.to_string()])?);
            }
            Ok(newest_of_each(found, rows))
        }
        AlertsOf::OfPage { key, service } => Ok(newest_of_each(of_page(connection, key, service)?, rows)),
        AlertsOf::Loose => read(
            connection,
            "SELECT row FROM alerts WHERE incident IS NULL ORDER BY seen_at DESC, source, fingerprint LIMIT ?1",
            [most],
        ),
        AlertsOf::Watched(None) => read(
            connection,
            // few of many are: sorting them is less than reading all in their order
            "SELECT row FROM alerts INDEXED BY alerts_watched WHERE watched = 1 ORDER BY source, fingerprint LIMIT ?1",
            [most],
        ),
        AlertsOf::Watched(Some((source, fingerprint))) => read(
            connection,
            "SELECT row FROM alerts INDEXED BY alerts_watched WHERE watched = 1 AND (source, fingerprint) > (?1, ?2)
             ORDER BY source, fingerprint LIMIT ?3",
            params![source, fingerprint, most],
        ),
    }
}

/// The newest of each open incident, of those whose group has this key. The greatest one brings its row along.
const OF_KEY: &str = "SELECT row FROM (
     SELECT a.row, max(a.joined_at) FROM alerts a INDEXED BY alerts_by_pager_key JOIN incidents i ON i.id = a.incident
     WHERE a.pager_key = ?1 AND a.incident IS NOT NULL AND i.open = 1 GROUP BY a.incident)";
/// The same of those of this group, and of this service where one is named.
const OF_GROUP: &str = "SELECT row FROM (
     SELECT a.row, max(a.joined_at) FROM alerts a INDEXED BY alerts_by_group JOIN incidents i ON i.id = a.incident
     WHERE a.source = ?1 AND a.grp = ?2 AND a.incident IS NOT NULL AND i.open = 1
         AND (?3 IS NULL OR a.row ->> '$.service' = ?3)
     GROUP BY a.incident)";

/// Those of open incidents that the pager knows by this key: by the hash of their group, which their rows have, or by a name, which is
/// looked for at each source. Sources are few.
fn of_page(connection: &Connection, key: &str, service: &str) -> Result<Vec<AlertRow>, Fault> {
    let mut found: Vec<AlertRow> = read(connection, OF_KEY, [key.to_lowercase()])?;
    let mut sources =
        connection.prepare_cached("SELECT source FROM alerts WHERE source > ?1 ORDER BY source LIMIT 1")?;
    let mut source = String::new();
    while let Some(next) = sources.query_row([&source], |row| row.get::<_, String>(0)).optional()? {
        let sql = "SELECT a.row FROM alerts a JOIN incidents i ON i.id = a.incident
             WHERE a.source = ?1 AND a.fingerprint = ?2 AND i.open = 1";
        found.extend(read(connection, sql, [&next, key])?);
        found.extend(read(connection, OF_GROUP, params![&next, key, service])?);
        source = next;
    }
    // those that have not been told of since rows have a key
    let mut groups = connection.prepare_cached(
        "SELECT source, grp FROM alerts INDEXED BY alerts_without_key
         WHERE incident IS NOT NULL AND grp IS NOT NULL AND pager_key IS NULL AND (source, grp) > (?1, ?2)
         ORDER BY source, grp LIMIT 1",
    )?;
    let mut at = (String::new(), String::new());
    let pair = |row: &Row<'_>| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?));
    while let Some(next) = groups.query_row([&at.0, &at.1], pair).optional()? {
        if pager_key(&next.1).eq_ignore_ascii_case(key) {
            found.extend(read(connection, OF_GROUP, params![&next.0, &next.1, None::<String>])?);
        }
        at = next;
    }
    found.retain(|row| row.is_known_as(key, service));
    Ok(found)
}

/// Of each incident the newest, the newest first.
fn newest_of_each(mut rows: Vec<AlertRow>, most: usize) -> Vec<AlertRow> {
    rows.sort_by(|a, b| {
        let of =
            |row: &AlertRow| (std::cmp::Reverse(row.joined_at), row.source.clone(), row.fingerprint.clone());
        of(a).cmp(&of(b))
    });
    let mut seen = BTreeSet::new();
    rows.retain(|row| seen.insert(row.incident));
    rows.truncate(most);
    rows
}

/// Forgets those that have ended and were told of before that time, as long as their incident is not open and has not ended since: at
/// most so many, those that were told of first before the others. How many there were.
pub(crate) fn prune(connection: &Connection, before: DateTime<Utc>, most: usize) -> Result<u64, Fault> {
    let mut delete = connection.prepare_cached(
        "DELETE FROM alerts WHERE (source, fingerprint) IN (
             SELECT a.source, a.fingerprint FROM alerts a INDEXED BY alerts_ended
             WHERE a.firing = 0 AND a.watched = 0 AND a.seen_at < ?1
                 AND NOT EXISTS (SELECT 1 FROM incidents i WHERE i.id = a.incident
                     AND (i.open = 1 OR i.row ->> '$.resolved_at' >= ?3))
             ORDER BY a.seen_at, a.source, a.fingerprint LIMIT ?2)",
    )?;
    // as the row has it
    let ended_since = before.to_rfc3339_opts(SecondsFormat::Millis, true);
    Ok(delete.execute(params![micros(before), limit(most), ended_since])? as u64)
}

/// How many an incident has.
pub(crate) fn count(connection: &Connection, incident: IncidentId) -> Result<AlertCount, Fault> {
    let mut select = connection
        .prepare_cached("SELECT count(*), coalesce(sum(firing), 0) FROM alerts WHERE incident = ?1")?;
    let (total, firing) =
        select.query_row([incident.to_string()], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)))?;
    Ok(AlertCount { firing: firing.unsigned_abs(), total: total.unsigned_abs() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema;

    fn plan(connection: &Connection, sql: &str, values: &[&str]) -> Vec<String> {
        let mut plan = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let plan = plan.query_map(rusqlite::params_from_iter(values), |row| row.get::<_, String>(3)).unwrap();
        plan.collect::<Result<Vec<_>, _>>().unwrap()
    }

    /// Of a group no more is read than fires or is watched, and nothing is sorted; a key is looked up.
    #[test]
    fn what_of_a_group_fires_and_what_has_a_key_is_found_by_an_index() {
        let folder = tempfile::tempdir().unwrap();
        let connection = schema::open_writer(&folder.path().join("blocks.db")).unwrap();
        let now = plan(&connection, GROUP_NOW, &["a", "g", "9"]);
        assert!(now.len() == 1 && now[0].contains("alerts_group_now (source=? AND grp=?)"), "{now:?}");
        let of_key = plan(&connection, OF_KEY, &["k"]);
        assert!(of_key.iter().any(|line| line.contains("alerts_by_pager_key (pager_key=?)")), "{of_key:?}");
        let of_group = plan(&connection, OF_GROUP, &["a", "g", "s"]);
        assert!(of_group.iter().any(|line| line.contains("(source=? AND grp=?)")), "{of_group:?}");
    }

    /// What was kept before rows had a key is found by it, too.
    #[test]
    fn what_has_no_key_yet_is_found_by_its_group() {
        let folder = tempfile::tempdir().unwrap();
        let connection = schema::open_writer(&folder.path().join("blocks.db")).unwrap();
        let (id, key) = (uuid::Uuid::from_u128(1).to_string(), pager_key("g"));
        let row = serde_json::json!({
            "source": "alertmanager", "fingerprint": "f", "group": "g", "incident": id, "title": "it is down",
            "service": "shop", "firing": true, "alert": { "fingerprint": "f", "firing": true },
            "turned_at": "2026-01-01T00:00:00.000Z", "seen_at": "2026-01-01T00:00:00.000Z",
        });
        let row: AlertRow = serde_json::from_value(row).unwrap();
        put(&connection, &row).unwrap();
        connection
            .execute("INSERT INTO incidents (id, number, open, row) VALUES (?1, 1, 1, '{}')", [&id])
            .unwrap();
        for without in [false, true] {
            if without {
                connection.execute("UPDATE alerts SET pager_key = NULL", []).unwrap();
            }
            let found = of_page(&connection, &key, "another").unwrap();
            assert_eq!(found, std::slice::from_ref(&row), "{without}");
        }
    }
}
