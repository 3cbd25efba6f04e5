//! Whether one SQL statement only reads.
//!
//! A `SELECT` can end sessions, advance sequences and lock rows, so only statements whose every word and function is
//! known pass. Text with variables, comments, dollar quotes or psql's own commands is never known.

/// Words that change something, lock something, or write a result into a table.
const FORBIDDEN: &[&str] = &[
    "insert", "update", "delete", "merge", "truncate", "drop", "alter", "create", "grant", "revoke", "call",
    "do", "copy", "into", "for", "lock", "vacuum", "analyze", "reindex", "cluster", "refresh", "notify",
    "listen", "set", "reset", "execute", "prepare", "begin", "commit", "rollback", "import", "comment",
    "load", "discard",
];

/// Words that may stand before a bracket: keywords, and functions that only calculate or show.
const CALLABLE: &[&str] = &[
    "count",
    "sum",
    "avg",
    "min",
    "max",
    "now",
    "coalesce",
    "nullif",
    "greatest",
    "least",
    "round",
    "abs",
    "ceil",
    "floor",
    "trunc",
    "lower",
    "upper",
    "length",
    "substring",
    "left",
    "right",
    "trim",
    "concat",
    "replace",
    "split_part",
    "string_agg",
    "array_agg",
    "json_agg",
    "jsonb_agg",
    "row_number",
    "rank",
    "dense_rank",
    "lag",
    "lead",
    "age",
    "date_trunc",
    "date_part",
    "extract",
    "to_char",
    "to_timestamp",
    "make_interval",
    "exists",
    "in",
    "any",
    "all",
    "some",
    "cast",
    "values",
    "over",
    "filter",
    "and",
    "or",
    "not",
    "where",
    "on",
    "as",
    "select",
    "from",
    "using",
    "interval",
    "case",
    "when",
    "then",
    "else",
    "between",
    "like",
    "ilike",
    "having",
    "by",
    "join",
    "union",
    "except",
    "intersect",
    "distinct",
    "pg_size_pretty",
    "pg_database_size",
    "pg_total_relation_size",
    "pg_relation_size",
    "pg_table_size",
    "pg_indexes_size",
    "pg_is_in_recovery",
    "pg_last_xact_replay_timestamp",
    "pg_last_wal_receive_lsn",
    "pg_last_wal_replay_lsn",
    "pg_current_wal_lsn",
    "pg_wal_lsn_diff",
    "pg_postmaster_start_time",
    "pg_blocking_pids",
    "current_database",
    "current_setting",
    "version",
    "percentile_cont",
    "percentile_disc",
    "within",
    "group",
    "stddev",
    "bool_or",
    "bool_and",
    "cardinality",
    "array_length",
    "unnest",
    "numeric",
    "varchar",
    "decimal",
    "with",
    "limit",
    "offset",
];

/// Whether the text is one statement that only reads.
pub(crate) fn reads(sql: &str) -> bool {
    let body = sql.trim();
    let body = body.strip_suffix(';').unwrap_or(body).trim_end();
    if body.contains(['\\', '$', '`', ';']) || body.contains("--") || body.contains("/*") {
        return false;
    }
    if super::credentials::sql_names_credentials(body) {
        return false;
    }
    let Some(tokens) = tokens(body) else { return false };
    let starts = matches!(tokens.first(), Some(Token::Word(word)) if matches!(word.as_str(), "select" | "show" | "values" | "table" | "explain"));
    let forbidden =
        tokens.iter().any(|token| matches!(token, Token::Word(word) if FORBIDDEN.contains(&word.as_str())));
    let shows_all = tokens
        .windows(2)
        .any(|pair| matches!(pair, [Token::Word(show), Token::Word(all)] if show == "show" && all == "all"));
    let calls_known = tokens.windows(2).all(|pair| match pair {
        [Token::Word(word), Token::Other('(')] => CALLABLE.contains(&word.as_str()),
        [Token::Quoted, Token::Other('(')] => false,
        _ => true,
    });
    // `pg_catalog.count(`, `mine.count(`: the name before the dot decides, so neither is known
    let qualified = tokens
        .windows(3)
        .any(|three| matches!(three, [Token::Other('.'), Token::Word(_) | Token::Quoted, Token::Other('(')]));
    starts && !shows_all && !forbidden && calls_known && !qualified && casts_only(&tokens)
}

enum Token {
    /// A keyword or name, lowercase.
    Word(String),
    /// A name in double quotes.
    Quoted,
    /// A text in single quotes.
    Text,
    Other(char),
}

/// A colon alone is a psql variable.
fn casts_only(tokens: &[Token]) -> bool {
    let colon = |at: usize| matches!(tokens.get(at), Some(Token::Other(':')));
    let mut at = 0;
    while at < tokens.len() {
        if colon(at) {
            if !colon(at + 1) || colon(at + 2) {
                return false;
            }
            at += 1;
        }
        at += 1;
    }
    true
}

/// `None` when a quote is not closed.
fn tokens(text: &str) -> Option<Vec<Token>> {
    let mut tokens = Vec::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\'' | '"' => {
                // a doubled quote reads as two texts side by side, which means the same here
                chars.by_ref().find(|&inner| inner == c)?;
                tokens.push(if c == '"' { Token::Quoted } else { Token::Text });
            }
            c if c.is_whitespace() => {}
            c if c.is_alphanumeric() || c == '_' => {
                let mut word = c.to_lowercase().to_string();
                while let Some(&next) = chars.peek().filter(|next| next.is_alphanumeric() || **next == '_') {
                    word.extend(next.to_lowercase());
                    chars.next();
                }
                tokens.push(Token::Word(word));
            }
            other => tokens.push(Token::Other(other)),
        }
    }
    Some(tokens)
}
