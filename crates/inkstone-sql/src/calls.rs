//! Statements through the guard.

use std::io;
use std::sync::Arc;
use std::time::Instant;

use futures::future::BoxFuture;
use futures::stream::{self, BoxStream};
use futures::{FutureExt, StreamExt};
use inkstone_guard::{Call, Guard, Op};
use inkstone_observe::Method;
use sqlx::sqlite::{SqliteQueryResult, SqliteRow};
use sqlx::{Either, Error, Execute};

use crate::error::code;
use crate::statement::{OPERATIONS, Statement};

/// What a statement gives bit by bit: rows, and at the end of each statement what it did.
pub(crate) type Step = Either<SqliteQueryResult, SqliteRow>;

/// The guard with its methods' names. A handle.
#[derive(Debug, Clone)]
pub(crate) struct Calls {
    guard: Guard,
    operations: Arc<[Method]>,
}

impl Calls {
    pub(crate) fn new(guard: Guard) -> Self {
        let operations = OPERATIONS.iter().map(|name| guard.method(name)).collect();
        Self { guard, operations }
    }

    pub(crate) fn enter(&self, statement: &Statement) -> Call {
        let call = self.guard.enter(Op::new(self.method(statement.operation())).request(statement));
        if call.span().is_recorded()
            && let Some(text) = statement.text()
        {
            call.span().set("db.query.text", text);
        }
        call
    }

    /// Runs `work` as one call of `operation`, for what has no text of its own.
    pub(crate) async fn run<T>(
        &self,
        operation: &'static str,
        work: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let call = self.guard.enter(Op::new(self.method(operation)));
        self.finish(call, work, |_| 0).await
    }

    /// A statement whose result comes as a whole.
    pub(crate) fn whole<'e, 'q: 'e, T: Send + 'e>(
        &self,
        query: impl Execute<'q, sqlx::Sqlite> + 'q,
        execute: impl FnOnce(Statement) -> BoxFuture<'e, Result<T, Error>>,
        rows: fn(&T) -> u64,
    ) -> BoxFuture<'e, Result<T, Error>> {
        match Statement::of(query) {
            Ok(statement) => {
                let call = self.enter(&statement);
                let work = execute(statement);
                let calls = self.clone();
                async move { calls.finish(call, work, rows).await }.boxed()
            }
            Err(error) => futures::future::ready(Err(error)).boxed(),
        }
    }

    /// A statement whose result comes row by row. Its time-out holds until the first row: how long the rest takes is up to
    /// the one who reads it.
    pub(crate) fn rows<'e, 'q: 'e>(
        &self,
        query: impl Execute<'q, sqlx::Sqlite> + 'q,
        execute: impl FnOnce(Statement) -> BoxStream<'e, Result<Step, Error>>,
    ) -> BoxStream<'e, Result<Step, Error>> {
        match Statement::of(query) {
            Ok(statement) => {
                let call = self.enter(&statement);
                let reading =
                    Reading { steps: execute(statement), call, calls: self.clone(), rows: 0, started: false };
                stream::unfold(Some(reading), |reading| async { reading?.next().await }).boxed()
            }
            Err(error) => stream::once(futures::future::ready(Err(error))).boxed(),
        }
    }

    fn method(&self, operation: &'static str) -> Method {
        let known = self.operations.iter().find(|method| &**method.name() == operation);
        known.cloned().unwrap_or_else(|| self.guard.method(operation))
    }

    async fn finish<T>(
        &self,
        mut call: Call,
        work: impl Future<Output = Result<T, Error>>,
        rows: fn(&T) -> u64,
    ) -> Result<T, Error> {
        let result = self.within(call.deadline(), work).await.and_then(|result| result);
        match &result {
            Ok(value) => {
                call.set_response(format_args!("{} rows", rows(value)));
                call.finish("OK");
            }
            Err(error) => failed(call, error),
        }
        result
    }

    async fn within<F: Future>(&self, deadline: Option<Instant>, work: F) -> Result<F::Output, Error> {
        let Some(deadline) = deadline else { return Ok(work.await) };
        tokio::time::timeout_at(deadline.into(), work).await.map_err(|_elapsed| self.too_late())
    }

    fn too_late(&self) -> Error {
        let name = self.guard.recorder().name();
        let message = format!(
            "{name}: no answer in time; what was asked may still be done (limits: {name}.guard.timeout, the caller's deadline)"
        );
        Error::Io(io::Error::new(io::ErrorKind::TimedOut, message))
    }
}

/// A result that is being read row by row.
struct Reading<'e> {
    steps: BoxStream<'e, Result<Step, Error>>,
    call: Call,
    calls: Calls,
    rows: u64,
    started: bool,
}

impl Reading<'_> {
    /// The next step, and the rest unless that was the last one.
    async fn next(mut self) -> Option<(Result<Step, Error>, Option<Self>)> {
        let deadline = self.call.deadline().filter(|_| !self.started);
        let step = match self.calls.within(deadline, self.steps.next()).await {
            Ok(step) => step,
            Err(late) => Some(Err(late)),
        };
        self.started = true;
        match step {
            Some(Ok(step)) => {
                self.rows += match &step {
                    Either::Left(done) => done.rows_affected(),
                    Either::Right(_row) => 1,
                };
                Some((Ok(step), Some(self)))
            }
            Some(Err(error)) => {
                failed(self.call, &error);
                Some((Err(error), None))
            }
            None => {
                self.call.set_response(format_args!("{} rows", self.rows));
                self.call.finish("OK");
                None
            }
        }
    }
}

fn failed(mut call: Call, error: &Error) {
    call.set_error(error);
    if call.span().is_recorded() {
        call.span().fail(error.to_string());
    }
    call.finish(code(error));
}
