//! What makes `&Sqlite` and `&mut Transaction` work wherever sqlx takes an executor.

use futures::future::BoxFuture;
use futures::stream::BoxStream;
use sqlx::sqlite::{SqliteQueryResult, SqliteRow, SqliteStatement, SqliteTypeInfo};
use sqlx::{Describe, Error, Execute, Executor, SqlStr};

use crate::calls::Step;
use crate::sqlite::Sqlite;
use crate::transaction::Transaction;

/// Each method of [`Executor`], guarded, for a type that has `calls()`; `$raw` is where the statement then goes.
macro_rules! guarded {
    ($type:ty, |$this:ident| $raw:expr) => {
        impl<'c> Executor<'c> for $type {
            type Database = sqlx::Sqlite;

            fn execute<'e, 'q: 'e, E>(self, query: E) -> BoxFuture<'e, Result<SqliteQueryResult, Error>>
            where
                'c: 'e,
                E: 'q + Execute<'q, sqlx::Sqlite>,
            {
                let (calls, $this) = (self.calls().clone(), self);
                calls.whole(query, |statement| $raw.execute(statement), SqliteQueryResult::rows_affected)
            }

            fn fetch_many<'e, 'q: 'e, E>(self, query: E) -> BoxStream<'e, Result<Step, Error>>
            where
                'c: 'e,
                E: 'q + Execute<'q, sqlx::Sqlite>,
            {
                let (calls, $this) = (self.calls().clone(), self);
                calls.rows(query, |statement| $raw.fetch_many(statement))
            }

            fn fetch_all<'e, 'q: 'e, E>(self, query: E) -> BoxFuture<'e, Result<Vec<SqliteRow>, Error>>
            where
                'c: 'e,
                E: 'q + Execute<'q, sqlx::Sqlite>,
            {
                let (calls, $this) = (self.calls().clone(), self);
                calls.whole(query, |statement| $raw.fetch_all(statement), |rows| rows.len() as u64)
            }

            fn fetch_one<'e, 'q: 'e, E>(self, query: E) -> BoxFuture<'e, Result<SqliteRow, Error>>
            where
                'c: 'e,
                E: 'q + Execute<'q, sqlx::Sqlite>,
            {
                let (calls, $this) = (self.calls().clone(), self);
                calls.whole(query, |statement| $raw.fetch_one(statement), |_row| 1)
            }

            fn fetch_optional<'e, 'q: 'e, E>(
                self,
                query: E,
            ) -> BoxFuture<'e, Result<Option<SqliteRow>, Error>>
            where
                'c: 'e,
                E: 'q + Execute<'q, sqlx::Sqlite>,
            {
                let (calls, $this) = (self.calls().clone(), self);
                calls.whole(query, |statement| $raw.fetch_optional(statement), |row| row.iter().len() as u64)
            }

            fn prepare_with<'e>(
                self,
                sql: SqlStr,
                parameters: &'e [SqliteTypeInfo],
            ) -> BoxFuture<'e, Result<SqliteStatement, Error>>
            where
                'c: 'e,
            {
                let $this = self;
                $raw.prepare_with(sql, parameters)
            }

            fn describe<'e>(self, sql: SqlStr) -> BoxFuture<'e, Result<Describe<sqlx::Sqlite>, Error>>
            where
                'c: 'e,
            {
                let $this = self;
                $raw.describe(sql)
            }
        }
    };
}

guarded!(&'c Sqlite, |this| this.pool());
guarded!(&'c mut Transaction, |this| this.connection());
