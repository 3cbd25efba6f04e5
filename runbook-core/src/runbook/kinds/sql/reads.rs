//! Which statements are known to change nothing, and which are known to change something whatever the transaction.
//!
//! The transaction is read-only where a block says that it reads; this table is about what that does not stop, and
//! about blocks that say nothing. It may be too strict; it must never be too generous.

use super::lex::{Kind, Token};

/// Words before a bracket that call nothing.
const SYNTAX: &[&str] = &[
    "all",
    "and",
    "any",
    "array",
    "as",
    "between",
    "by",
    "case",
    "cast",
    "cube",
    "distinct",
    "else",
    "except",
    "exists",
    "explain",
    "filter",
    "from",
    "group",
    "grouping",
    "having",
    "ilike",
    "in",
    "intersect",
    "is",
    "join",
    "lateral",
    "like",
    "limit",
    "materialized",
    "not",
    "offset",
    "on",
    "or",
    "over",
    "partition",
    "rollup",
    "row",
    "select",
    "sets",
    "similar",
    "some",
    "then",
    "union",
    "using",
    "values",
    "when",
    "where",
    "with",
    "within",
    // types with a size
    "bit",
    "char",
    "character",
    "decimal",
    "float",
    "interval",
    "numeric",
    "precision",
    "time",
    "timestamp",
    "timestamptz",
    "varchar",
    "varying",
];

/// Functions of PostgreSQL itself that only compute or look.
const KNOWN_READ: &[&str] = &[
    // aggregates and windows
    "array_agg",
    "avg",
    "bit_and",
    "bit_or",
    "bool_and",
    "bool_or",
    "corr",
    "count",
    "cume_dist",
    "dense_rank",
    "every",
    "first_value",
    "json_agg",
    "json_object_agg",
    "jsonb_agg",
    "jsonb_object_agg",
    "lag",
    "last_value",
    "lead",
    "max",
    "min",
    "mode",
    "nth_value",
    "ntile",
    "percent_rank",
    "percentile_cont",
    "percentile_disc",
    "rank",
    "row_number",
    "stddev",
    "stddev_pop",
    "stddev_samp",
    "string_agg",
    "sum",
    "var_pop",
    "var_samp",
    "variance",
    // values and numbers
    "abs",
    "cbrt",
    "ceil",
    "ceiling",
    "coalesce",
    "div",
    "exp",
    "floor",
    "generate_series",
    "greatest",
    "least",
    "ln",
    "log",
    "mod",
    "nullif",
    "power",
    "round",
    "sign",
    "sqrt",
    "trunc",
    "width_bucket",
    // text
    "ascii",
    "bit_length",
    "btrim",
    "char_length",
    "character_length",
    "chr",
    "concat",
    "concat_ws",
    "convert_from",
    "convert_to",
    "decode",
    "encode",
    "format",
    "initcap",
    "left",
    "length",
    "lower",
    "lpad",
    "ltrim",
    "md5",
    "octet_length",
    "overlay",
    "position",
    "quote_ident",
    "quote_literal",
    "quote_nullable",
    "regexp_count",
    "regexp_match",
    "regexp_matches",
    "regexp_replace",
    "regexp_split_to_array",
    "regexp_split_to_table",
    "repeat",
    "replace",
    "reverse",
    "right",
    "rpad",
    "rtrim",
    "sha256",
    "split_part",
    "starts_with",
    "string_to_array",
    "strpos",
    "substr",
    "substring",
    "to_hex",
    "translate",
    "trim",
    "unistr",
    "upper",
    // time
    "age",
    "clock_timestamp",
    "current_time",
    "current_timestamp",
    "date_bin",
    "date_part",
    "date_trunc",
    "extract",
    "isfinite",
    "justify_days",
    "justify_hours",
    "justify_interval",
    "localtime",
    "localtimestamp",
    "make_date",
    "make_interval",
    "make_timestamp",
    "now",
    "statement_timestamp",
    "to_char",
    "to_date",
    "to_number",
    "to_timestamp",
    "transaction_timestamp",
    // arrays, json, rows
    "array_append",
    "array_cat",
    "array_length",
    "array_ndims",
    "array_position",
    "array_prepend",
    "array_remove",
    "array_to_json",
    "array_to_string",
    "array_upper",
    "cardinality",
    "json_array_elements",
    "json_array_elements_text",
    "json_array_length",
    "json_build_array",
    "json_build_object",
    "json_each",
    "json_each_text",
    "json_extract_path",
    "json_extract_path_text",
    "json_object_keys",
    "json_typeof",
    "jsonb_array_elements",
    "jsonb_array_elements_text",
    "jsonb_array_length",
    "jsonb_build_array",
    "jsonb_build_object",
    "jsonb_each",
    "jsonb_each_text",
    "jsonb_extract_path",
    "jsonb_extract_path_text",
    "jsonb_object_keys",
    "jsonb_path_exists",
    "jsonb_path_query",
    "jsonb_pretty",
    "jsonb_typeof",
    "row_to_json",
    "to_json",
    "to_jsonb",
    "unnest",
    // the server about itself
    "col_description",
    "current_database",
    "current_schema",
    "current_schemas",
    "current_setting",
    "current_user",
    "format_type",
    "has_column_privilege",
    "has_database_privilege",
    "has_schema_privilege",
    "has_table_privilege",
    "inet_server_addr",
    "inet_server_port",
    "obj_description",
    "pg_backend_pid",
    "pg_blocking_pids",
    "pg_column_size",
    "pg_conf_load_time",
    "pg_current_wal_lsn",
    "pg_database_size",
    "pg_get_constraintdef",
    "pg_get_functiondef",
    "pg_get_indexdef",
    "pg_get_userbyid",
    "pg_get_viewdef",
    "pg_indexes_size",
    "pg_is_in_recovery",
    "pg_is_wal_replay_paused",
    "pg_last_wal_receive_lsn",
    "pg_last_wal_replay_lsn",
    "pg_last_xact_replay_timestamp",
    "pg_postmaster_start_time",
    "pg_relation_size",
    "pg_size_bytes",
    "pg_size_pretty",
    "pg_table_size",
    "pg_tablespace_size",
    "pg_total_relation_size",
    "pg_typeof",
    "pg_wal_lsn_diff",
    "session_user",
    "to_regclass",
    "to_regtype",
    "version",
];

/// Functions of PostgreSQL that change something even in a read-only transaction, or that run other text. A word that
/// ends in `*` stands for all that begin so.
const KNOWN_CHANGE: &[&str] = &[
    "dblink*",
    "lo_*",
    "loread",
    "lowrite",
    "nextval",
    "pg_advisory_*",
    "pg_backup_*",
    "pg_cancel_backend",
    "pg_copy_*",
    "pg_create_*",
    "pg_drop_*",
    "pg_export_snapshot",
    "pg_extension_config_dump",
    "pg_file_*",
    "pg_import_*",
    "pg_log_backend_memory_contexts",
    "pg_logfile_rotate",
    "pg_logical_*",
    "pg_notify",
    "pg_promote",
    "pg_reload_conf",
    "pg_replication_*",
    "pg_rotate_logfile",
    "pg_start_backup",
    "pg_stat_reset*",
    "pg_stop_backup",
    "pg_switch_wal",
    "pg_switch_xlog",
    "pg_sync_replication_slots",
    "pg_terminate_backend",
    "pg_try_advisory_*",
    "pg_wal_replay_pause",
    "pg_wal_replay_resume",
    "set_config",
    "setval",
];

const CHANGING: &[&str] = &["insert", "update", "delete", "merge"];
const READING: &[&str] = &["select", "with", "values", "table", "show", "explain"];

/// A statement's words, as far as they decide.
struct Words<'a> {
    text: &'a str,
    tokens: &'a [Token],
}

impl Words<'_> {
    /// The word at a place, in lowercase; empty for anything else.
    fn at(&self, index: usize) -> String {
        match self.tokens.get(index) {
            Some(token) if token.kind == Kind::Word => token.of(self.text).to_ascii_lowercase(),
            _ => String::new(),
        }
    }

    fn is(&self, index: usize, op: &str) -> bool {
        self.tokens.get(index).is_some_and(|token| token.of(self.text) == op)
    }

    /// The place of the first word behind opening brackets.
    fn first(&self) -> usize {
        self.tokens.iter().take_while(|token| token.of(self.text) == "(").count()
    }

    /// For EXPLAIN: where the explained statement begins, and whether it is carried out.
    fn explained(&self, explain: usize) -> (usize, bool) {
        let begins = |index: &usize| {
            let word = self.at(*index);
            let depth = |index: usize| self.tokens.get(index).map(|token| token.depth);
            depth(*index) == depth(explain)
                && !word.is_empty()
                && word != "analyze"
                && word != "analyse"
                && word != "verbose"
        };
        let start = (explain + 1..self.tokens.len()).find(begins).unwrap_or(self.tokens.len());
        let runs = (explain + 1..start).any(|index| self.at(index).starts_with("analy"));
        (start, runs)
    }

    /// Each function called, as (name, is one of PostgreSQL's own).
    fn calls(&self) -> impl Iterator<Item = (String, bool)> {
        (0..self.tokens.len()).filter(|&index| self.is(index + 1, "(")).filter_map(|index| {
            let token = self.tokens.get(index)?;
            let qualified = index > 0 && self.is(index - 1, ".");
            let own = !qualified || self.at(index.wrapping_sub(2)) == "pg_catalog";
            match token.kind {
                Kind::Word => {
                    let word = self.at(index);
                    let syntax = !qualified && SYNTAX.contains(&word.as_str());
                    // `AS t (a, b)` names columns
                    let alias = index > 0 && self.at(index - 1) == "as";
                    (!syntax && !alias).then_some((word, own))
                }
                Kind::Name => Some((token.of(self.text).trim_matches('"').to_owned(), false)),
                _ => None,
            }
        })
    }

    /// `SELECT INTO`, row locks and data-changing statements inside, as a reason.
    fn changing_part(&self, from: usize) -> Option<String> {
        (from..self.tokens.len()).find_map(|index| {
            let word = self.at(index);
            let next = self.at(index + 1);
            match word.as_str() {
                "into" => Some("SELECT INTO makes a table".to_owned()),
                "for" if matches!(next.as_str(), "update" | "share" | "no" | "key") => {
                    Some("FOR UPDATE and FOR SHARE lock rows".to_owned())
                }
                word if CHANGING.contains(&word) && index > 0 && self.is(index - 1, "(") => {
                    Some(format!("it holds {}", word.to_ascii_uppercase()))
                }
                _ => None,
            }
        })
    }
}

/// Whether a statement is known to change nothing.
pub(super) fn only_reads(text: &str, tokens: &[Token]) -> bool {
    let words = Words { text, tokens };
    let mut at = words.first();
    let mut runs = true;
    if words.at(at) == "explain" {
        (at, runs) = words.explained(at);
    }
    let first = words.at(at);
    if !runs {
        // planned and not carried out: still evaluates functions that it takes for constant
        return (CHANGING.contains(&first.as_str()) || READING.contains(&first.as_str()))
            && known_calls(&words);
    }
    // also as a bare word: WITH x AS (...) UPDATE; a column of that name is taken for one
    let changes = (at..tokens.len()).any(|index| CHANGING.contains(&words.at(index).as_str()));
    READING.contains(&first.as_str())
        && first != "explain"
        && !changes
        && words.changing_part(at).is_none()
        && known_calls(&words)
}

fn known_calls(words: &Words<'_>) -> bool {
    words.calls().all(|(name, own)| own && KNOWN_READ.contains(&name.as_str()))
}

/// Why a statement is known to change something, if it is.
pub(super) fn change(text: &str, tokens: &[Token]) -> Option<String> {
    let words = Words { text, tokens };
    let mut at = words.first();
    let mut runs = true;
    if words.at(at) == "explain" {
        (at, runs) = words.explained(at);
    }
    let first = words.at(at);
    if runs {
        if !READING.contains(&first.as_str()) {
            return Some(format!("{} changes something", first.to_ascii_uppercase()));
        }
        let verb = verb(text, tokens.get(at..).unwrap_or_default());
        if CHANGING.contains(&verb.to_ascii_lowercase().as_str()) {
            return Some(format!("{verb} changes something"));
        }
        if let Some(part) = words.changing_part(at) {
            return Some(part);
        }
    }
    words
        .calls()
        .find(|(name, _)| is_known_change(name))
        .map(|(name, _)| format!("{name}() changes something that no read-only transaction protects"))
}

fn is_known_change(name: &str) -> bool {
    KNOWN_CHANGE.iter().any(|known| match known.strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => *known == name,
    })
}

/// What psql's tag for the statement begins with.
pub(super) fn verb(text: &str, tokens: &[Token]) -> String {
    let words = Words { text, tokens };
    let at = words.first();
    let first = words.at(at).to_ascii_uppercase();
    match first.as_str() {
        "CREATE" | "DROP" | "ALTER" | "REFRESH" => {
            format!("{first} {}", words.at(at + 1).to_ascii_uppercase()).trim().to_owned()
        }
        "WITH" => {
            let outer = (at..tokens.len()).find(|&index| {
                let word = words.at(index);
                tokens.get(index).is_some_and(|token| token.depth == 0)
                    && (CHANGING.contains(&word.as_str())
                        || matches!(word.as_str(), "select" | "values" | "table"))
            });
            outer.map_or(first, |index| words.at(index).to_ascii_uppercase())
        }
        _ => first,
    }
}
