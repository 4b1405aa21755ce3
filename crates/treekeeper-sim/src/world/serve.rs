//! The server's side: what happens when a message arrives, and what the checker sees of it.

use memkeeper::database::{ErrorCode, Request, Response, Write};

use super::network::{Message, State};
use super::{ClientId, Due, Fault, Inner, MILLISECOND, Micros, Sent, TaskId};
use crate::checker::{Operation, Who};

/// How often the server looks at its sessions.
pub const TICK: Micros = 200 * MILLISECOND;

impl Inner {
    /// Lets something happen; returns the task that goes on with it.
    pub(super) fn happen(&mut self, due: Due) -> Option<TaskId> {
        match due {
            Due::Wake(task) => return self.woken(task),
            Due::Deliver(client, epoch) => self.deliver(client, epoch),
            Due::Stray(client, epoch, request, sent) => {
                let at = &self.clients[client.0];
                if at.epoch == epoch && at.state != State::Connected {
                    let _ = self.serve(client, request, sent);
                }
            }
            Due::Answer(ticket, epoch) => {
                let waiting = self.tickets.get_mut(&ticket)?;
                let (client, reply) = (waiting.client, waiting.reply.take());
                if self.clients[client.0].epoch == epoch
                    && let Some(reply) = reply
                {
                    self.clients[client.0].unanswered.retain(|other| *other != ticket);
                    self.resolve(ticket, Ok(reply));
                }
            }
            Due::Break(client, epoch) if self.clients[client.0].epoch == epoch => {
                self.break_connection(client)
            }
            Due::Break(..) => {}
            Due::Reconnect(client) => self.reconnect(client),
            Due::Tick => self.tick(),
        }
        None
    }

    fn deliver(&mut self, client: ClientId, epoch: u64) {
        let at = &mut self.clients[client.0];
        if at.epoch != epoch || at.state != State::Connected {
            return;
        }
        let Some(Message {
            ticket,
            request,
            sent,
            fault,
        }) = at.outbox.pop_front()
        else {
            return;
        };
        let session = at.session;
        if fault == Some(Fault::RequestLost) || request_bytes(&request) > self.request_bytes_max {
            self.clients[client.0].unanswered.push(ticket);
            return self.break_connection(client);
        }
        if fault == Some(Fault::ExpiredBefore) {
            self.expire_session(session);
        }
        let is_close = matches!(request, Request::CloseSession);
        let reply = self.serve(client, request, sent);
        if fault == Some(Fault::ExpiredAfter) {
            self.expire_session(session);
        }
        self.clients[client.0].unanswered.push(ticket);
        match fault {
            _ if is_close => {
                self.resolve(ticket, Ok(reply));
                self.clients[client.0].unanswered.clear();
                self.end_client(client);
            }
            Some(Fault::ReplyLost | Fault::ExpiredBefore | Fault::ExpiredAfter) => {
                self.break_connection(client)
            }
            _ if reply == Err(ErrorCode::SessionExpired) => self.break_connection(client),
            Some(Fault::ReplySwallowed) => {
                let patience = self.clients[client.0].timeout * 2 / 3;
                self.clients[client.0].is_silent = true;
                self.after(patience, Due::Break(client, epoch));
            }
            _ => self.answer(client, ticket, reply),
        }
    }

    fn answer(&mut self, client: ClientId, ticket: super::Ticket, reply: Result<Response, ErrorCode>) {
        let latency = self.random.between(200, 2_000);
        if let Some(waiting) = self.tickets.get_mut(&ticket) {
            waiting.reply = Some(reply);
        }
        let at = &mut self.clients[client.0];
        if at.is_silent {
            return;
        }
        at.answers = at.answers.max(self.now + latency);
        let (span, epoch) = (at.answers - self.now, at.epoch);
        self.after(span, Due::Answer(ticket, epoch));
    }

    /// Lets the database do what is asked, and the checker see it.
    fn serve(
        &mut self,
        client: ClientId,
        request: Request,
        sent: Option<Sent>,
    ) -> Result<Response, ErrorCode> {
        let (connection, session) = (self.clients[client.0].connection, self.clients[client.0].session);
        let copy = (sent.is_some() || self.trace.is_kept).then(|| request.clone());
        let now = self.clock();
        let result = self.database.call(connection, request, now).result;
        self.database.take_notifications();
        self.checker.at(self.now);
        self.checker.heard(session.0);
        if let (true, Some(request)) = (self.trace.is_kept, &copy) {
            let line = told(request, &result);
            let name = self.tasks[self.clients[client.0].owner.0].name.clone();
            self.trace(|| format!("{name} ({:x}): {line}", session.0));
        }
        self.judge_transactions();
        match (sent, &copy) {
            (Some(Sent::Reading(operation)), _) if result.is_ok() => self.checker.read_cluster(operation),
            (Some(Sent::Transaction(operation, commitment, transaction)), Some(request)) => {
                let applied = is_applied(&result);
                self.checker
                    .decided(operation, (commitment, transaction), request, applied);
            }
            _ => {}
        }
        result
    }

    /// Shows the checker what was applied.
    pub(super) fn judge_transactions(&mut self) {
        self.checker.at(self.now);
        for transaction in self.database.take_transactions() {
            self.trace(|| format!("  zxid {:x}: {}", transaction.zxid, changes(&transaction)));
            self.checker.transaction(&transaction);
        }
    }

    fn expire_session(&mut self, session: memkeeper::database::SessionId) {
        let now = self.clock();
        self.trace(|| format!("session {:x} is ended by the server", session.0));
        self.database.expire(session, now);
        self.judge_transactions();
    }

    /// Ends every session of an operation, as `lock break` can't and a server can.
    pub(super) fn expire_all(&mut self, operation: Operation) {
        let sessions: Vec<_> = self
            .clients
            .iter()
            .filter(|client| client.who == Who::Treekeeper(operation) && client.state != State::Ended)
            .map(|client| client.session)
            .collect();
        for session in sessions {
            self.expire_session(session);
        }
    }

    fn tick(&mut self) {
        let now = self.clock();
        for client in (0..self.clients.len()).map(ClientId) {
            let at = &self.clients[client.0];
            let is_awake = self.tasks[at.owner.0].paused_until <= self.now;
            if at.state == State::Connected && is_awake {
                let connection = at.connection;
                self.database.call(connection, Request::Ping, now);
            }
        }
        let ended = self.database.tick(now);
        self.judge_transactions();
        self.checker.judge_abandoned();
        for client in (0..self.clients.len()).map(ClientId) {
            let at = &self.clients[client.0];
            if at.state == State::Connected
                && (ended.contains(&at.session) || !self.database.is_alive(at.session))
            {
                self.break_connection(client);
            }
        }
        self.after(TICK, Due::Tick);
    }
}

/// Tells whether a multi was applied.
fn is_applied(result: &Result<Response, ErrorCode>) -> bool {
    use memkeeper::database::MultiResult;
    match result {
        Ok(Response::Multi(results)) => !results
            .iter()
            .any(|result| matches!(result, MultiResult::Error(_))),
        Ok(_) => true,
        Err(_) => false,
    }
}

/// Returns the bytes of a request as ZooKeeper's protocol writes it; of multis alone, the others are small.
fn request_bytes(request: &Request) -> usize {
    const REQUEST_HEADER: usize = 8;
    const OPERATION_HEADER: usize = 9;
    const OPEN_ACL: usize = 4 + 4 + 4 + "world".len() + 4 + "anyone".len();
    let Request::Multi(writes) = request else { return 0 };
    let text = |path: &String| 4 + path.len();
    let operation = |write: &Write| match write {
        Write::Create(create) => text(&create.path) + 4 + create.data.len() + OPEN_ACL + 4,
        Write::Delete(delete) => text(&delete.path) + 4,
        Write::SetData(set) => text(&set.path) + 4 + set.data.len() + 4,
        Write::Check(check) => text(&check.path) + 4,
    };
    let operations: usize = writes
        .iter()
        .map(|write| OPERATION_HEADER + operation(write))
        .sum();
    REQUEST_HEADER + operations + OPERATION_HEADER
}

/// Says what was asked and answered, for the trace.
fn told(request: &Request, result: &Result<Response, ErrorCode>) -> String {
    let asked = match request {
        Request::Multi(writes) => {
            let writes: Vec<String> = writes
                .iter()
                .map(|write| match write {
                    Write::Create(create) => format!("create {}", create.path),
                    Write::Delete(delete) => format!("delete {}@{}", delete.path, delete.version),
                    Write::SetData(set) => format!("set {}@{}", set.path, set.version),
                    Write::Check(check) => format!("check {}@{}", check.path, check.version),
                })
                .collect();
            format!("multi [{}]", writes.join(", "))
        }
        Request::Create(create) => format!("create {}", create.path),
        Request::SetData(set) => format!("set {}@{}", set.path, set.version),
        other => format!("{other:?}"),
    };
    let answered = match result {
        Err(code) => code.to_string(),
        Ok(_) if is_applied(result) || !matches!(request, Request::Multi(_)) => "ok".to_owned(),
        Ok(Response::Multi(results)) => format!("{results:?}"),
        Ok(other) => format!("{other:?}"),
    };
    format!("{asked} => {answered}")
}

fn changes(transaction: &memkeeper::database::Transaction) -> String {
    use memkeeper::database::Applied;
    let text = |data: &[u8]| String::from_utf8_lossy(data).into_owned();
    let changes: Vec<String> = transaction
        .changes
        .iter()
        .map(|change| match change {
            Applied::Created(path, data, _) => format!("+{path} {}", text(data)),
            Applied::Set(path, data) => format!("~{path} {}", text(data)),
            Applied::AclSet(path) => format!("acl {path}"),
            Applied::Deleted(path) => format!("-{path}"),
        })
        .collect();
    changes.join("; ")
}
