//! A statement on its way to the database.

use std::fmt;

use sqlx::error::BoxDynError;
use sqlx::sqlite::{SqliteArguments, SqliteStatement};
use sqlx::{Arguments, Error, Execute, SqlStr};

/// A statement taken apart, so that its text can be looked at before it is executed.
pub(crate) struct Statement {
    sql: SqlStr,
    arguments: Option<SqliteArguments>,
    persistent: bool,
}

impl Statement {
    /// Fails when a bind value does not fit its type.
    pub(crate) fn of<'q>(mut query: impl Execute<'q, sqlx::Sqlite>) -> Result<Self, Error> {
        let arguments = query.take_arguments().map_err(Error::Encode)?;
        let persistent = query.persistent();
        Ok(Self { sql: query.sql(), arguments, persistent })
    }

    /// The text, unless it may have values in it: those are the users' own.
    pub(crate) fn text(&self) -> Option<&str> {
        Some(self.sql.as_str()).filter(|text| !text.contains('\''))
    }

    pub(crate) fn operation(&self) -> &'static str {
        operation(self.sql.as_str())
    }
}

impl Execute<'_, sqlx::Sqlite> for Statement {
    fn sql(self) -> SqlStr {
        self.sql
    }

    fn statement(&self) -> Option<&SqliteStatement> {
        None
    }

    fn take_arguments(&mut self) -> Result<Option<SqliteArguments>, BoxDynError> {
        Ok(self.arguments.take())
    }

    fn persistent(&self) -> bool {
        self.persistent
    }
}

/// As the six-tuple shows it: on one line, with the number of its bind values and never the values. What they hold is
/// the users' own, and no name tells which of them is a secret.
impl fmt::Debug for Statement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"")?;
        for (at, word) in self.sql.as_str().split_whitespace().enumerate() {
            write!(f, "{}{word}", if at == 0 { "" } else { " " })?;
        }
        f.write_str("\"")?;
        match self.arguments.as_ref().map_or(0, Arguments::len) {
            0 => Ok(()),
            1 => f.write_str(" [1 value]"),
            values => write!(f, " [{values} values]"),
        }
    }
}

/// The operations that become a metric's label; anything else is `OTHER`.
pub(crate) const OPERATIONS: &[&str] = &[
    "SELECT",
    "INSERT",
    "UPDATE",
    "DELETE",
    "REPLACE",
    "WITH",
    "VALUES",
    "CREATE",
    "ALTER",
    "DROP",
    "BEGIN",
    "COMMIT",
    "ROLLBACK",
    "SAVEPOINT",
    "RELEASE",
    "PRAGMA",
    "EXPLAIN",
    "ANALYZE",
    "VACUUM",
    "REINDEX",
    "ATTACH",
    "DETACH",
    "OTHER",
];

/// The first word of the statement, comments left out.
fn operation(sql: &str) -> &'static str {
    let sql = skip_comments(sql);
    let end = sql.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(sql.len());
    let word = &sql[..end];
    OPERATIONS.iter().find(|known| known.eq_ignore_ascii_case(word)).copied().unwrap_or("OTHER")
}

fn skip_comments(mut sql: &str) -> &str {
    loop {
        sql = sql.trim_start();
        let rest = if let Some(comment) = sql.strip_prefix("--") {
            comment.split_once('\n')
        } else if let Some(comment) = sql.strip_prefix("/*") {
            comment.split_once("*/")
        } else {
            return sql;
        };
        sql = rest.map_or("", |(_, rest)| rest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operation_is_the_first_word_behind_comments_or_other() {
        let check = |sql, expected| assert_eq!(operation(sql), expected, "{sql:?}");
        check("SELECT 1", "SELECT");
        check("  select(1)", "SELECT");
        check("-- why\n/* and\nmore */ Update t SET a = 1", "UPDATE");
        check("WITH x AS (SELECT 1) SELECT * FROM x", "WITH");
        check("-- only a comment", "OTHER");
        check("", "OTHER");
        check("SELECTED 1", "OTHER");
        check("école", "OTHER");
    }

    #[test]
    fn a_statement_is_shown_on_one_line_without_its_values() {
        let check = |statement: Statement, expected| assert_eq!(format!("{statement:?}"), expected);
        let query = sqlx::query("SELECT a\n  FROM t\n  WHERE b = ?").bind("hunter2");
        check(Statement::of(query).unwrap(), r#""SELECT a FROM t WHERE b = ?" [1 value]"#);
        let query = sqlx::query("INSERT INTO t VALUES (?, ?)").bind("hunter2").bind(7);
        check(Statement::of(query).unwrap(), r#""INSERT INTO t VALUES (?, ?)" [2 values]"#);
        check(Statement::of(sqlx::query("SELECT 1")).unwrap(), r#""SELECT 1""#);
    }
}
