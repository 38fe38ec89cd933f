"""Redis and Postgres in their containers: who may do what, tried with each one's own password (C2, C4, C5, C10)."""

import re
import smtplib
import time
from functools import partial

import psycopg
import pytest
import redis
from psycopg import errors, sql
from redis.exceptions import AuthenticationError, NoPermissionError, ResponseError
from rq import Queue
from rq.serializers import JSONSerializer

from chatmail.services import JOBS, OPERATOR, SCRIPTS, redis_users
from shared.queue import contract
from shared.storage.migrate import ROLES
from tests.docker.engine import docker, health
from tests.docker.project import Project
from tests.faults.clients import Reader

USERS = redis_users()
each_user = pytest.mark.parametrize("user", USERS)
each_role = pytest.mark.parametrize("role", ROLES)

DANGEROUS = (
    *("CONFIG GET *", "CONFIG SET dir /tmp", "DEBUG SLEEP 0", "MODULE LIST", "MODULE LOAD /tmp/x.so", "FLUSHALL"),
    *("KEYS *", "ACL LIST", "SHUTDOWN NOSAVE", "REPLICAOF NO ONE", "SAVE", "MONITOR", "CLIENT LIST", "SLOWLOG GET"),
    *("SWAPDB 0 1", "MIGRATE h 1 k 0 1", "RESTORE k 0 x", "SORT k", "LATENCY RESET"),
    *("FUNCTION FLUSH", "FUNCTION LIST", "FCALL f 0", "SCRIPT FLUSH", "SCRIPT KILL"),
)
FOREIGN = {"pace": "~pace:*", "login": "~login:*", "rq": JOBS, "presence": "~presence:*", "none": "?"}


def is_refused(client: redis.Redis, command: str) -> bool:
    try:
        client.execute_command(*command.split())
    except NoPermissionError:
        return True
    except ResponseError as error:
        return "command not allowed" in str(error)  # to anybody, whatever the rules say
    return False


@each_user
def test_c2_no_service_may_do_what_is_dangerous(project: Project, user: str) -> None:
    with redis.Redis.from_url(project.redis_url(user), socket_timeout=10) as client:
        assert client.ping()
        allowed = [command for command in DANGEROUS if not is_refused(client, command)]
        assert allowed == []


@each_user
def test_c2_scripts_are_for_those_who_need_them(project: Project, user: str) -> None:
    with redis.Redis.from_url(project.redis_url(user), socket_timeout=10) as client:
        assert is_refused(client, "EVAL return(1) 0") is (SCRIPTS not in USERS[user])


@each_user
def test_c2_no_service_may_touch_what_is_anothers(project: Project, user: str) -> None:
    with redis.Redis.from_url(project.redis_url(user), socket_timeout=10) as client:
        for prefix, pattern in FOREIGN.items():
            if pattern in USERS[user]:
                client.get(f"{prefix}:of-nobody")
                continue
            with pytest.raises(NoPermissionError):
                client.get(f"{prefix}:x")
            with pytest.raises(NoPermissionError):
                client.eval("return redis.call('SET', KEYS[1], 'x')", 1, f"{prefix}:x")


@pytest.mark.parametrize("name", ["", "default", "smtp_in"], ids=["nobody", "default", "wrong-password"])
def test_c2_without_its_password_nobody_is_heard(project: Project, name: str) -> None:
    host = project.inner_address("redis")
    client = redis.Redis(host=host, username=name or None, password="guessed" if name else None, socket_timeout=10)
    with client, pytest.raises(AuthenticationError):
        client.ping()


@each_user
def test_c4_a_planted_job_is_refused_or_does_nothing(project: Project, user: str) -> None:
    worker = project.container("queue-worker")
    before = docker("inspect", "--format", "{{.State.StartedAt}}", worker)
    with redis.Redis.from_url(project.redis_url(user), socket_timeout=10) as client:
        planted = Queue(contract.QUEUE, connection=client, serializer=JSONSerializer)
        plant = partial(planted.enqueue, "os.system", f"touch /tmp/planted-by-{user}")
        if JOBS not in USERS[user]:
            with pytest.raises(NoPermissionError):
                plant()
            return
        plant()
        deadline = time.monotonic() + 30
        while client.llen(planted.key):
            assert time.monotonic() < deadline, "nobody takes the job"
            time.sleep(0.05)
    time.sleep(0.3)
    assert "planted" not in docker("exec", worker, "ls", "-a", "/tmp")
    assert docker("inspect", "--format", "{{.State.StartedAt}}", worker) == before
    assert health(worker) == "healthy"


@each_role
def test_c5_no_role_is_more_than_a_role(project: Project, role: str) -> None:
    with psycopg.connect(project.owner_url) as owner:
        row = owner.execute(
            "SELECT rolsuper, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls,"
            " rolpassword LIKE 'SCRAM-SHA-256$%%' FROM pg_authid WHERE rolname = %s",
            (role,),
        ).fetchone()
        assert row == (False, False, False, False, False, True)
        member_of = owner.execute("SELECT count(*) FROM pg_auth_members WHERE member = %s::regrole", (role,)).fetchone()
        assert member_of == (0,)


@each_role
@pytest.mark.parametrize(("password", "words"), [("guessed", "authentication failed"), ("", "no password supplied")])
def test_c5_without_its_password_nobody_comes_in(project: Project, role: str, password: str, words: str) -> None:
    host = project.inner_address("postgres")
    with pytest.raises(psycopg.OperationalError, match=words):
        psycopg.connect(host=host, dbname="chatmail", user=role, password=password, connect_timeout=10)


def test_c5_over_the_network_passwords_are_scram_alone(project: Project) -> None:
    with psycopg.connect(project.owner_url) as owner:
        assert owner.execute("SHOW password_encryption").fetchone() == ("scram-sha-256",)
        methods = owner.execute(
            "SELECT DISTINCT auth_method FROM pg_hba_file_rules WHERE type LIKE 'host%'"
            " AND coalesce(address, '') NOT IN ('127.0.0.1', '::1')"
        ).fetchall()
    assert methods == [("scram-sha-256",)]


MAIL = ("message", "body", "mailbox_change")
REFUSED = {
    "smtp_in": (*MAIL, "last_login", "dkim_key", "outbox_message", "token"),
    "submission": (*MAIL, "dkim_key", "outbox_message", "token"),
    "imap": ("outbox", "outbox_message", "dkim_key", "token", "alias"),
    "queue_worker": (*MAIL, "account", "mailbox", "last_login", "token"),
    "register": (*MAIL, "account", "mailbox", "outbox", "dkim_key", "last_login", "token"),
    OPERATOR: MAIL,
}


@each_role
def test_c5_c10_a_role_reads_what_it_needs_and_no_more(project: Project, role: str) -> None:
    with psycopg.connect(project.database_url(role), autocommit=True) as connection:
        for table in REFUSED[role]:
            with pytest.raises(errors.InsufficientPrivilege):
                connection.execute(sql.SQL("SELECT * FROM chatmail.{} LIMIT 1").format(sql.Identifier(table)))
        for statement in (
            b"DELETE FROM chatmail.account",
            b"CREATE TABLE chatmail.mine (x int)",
            b"CREATE TABLE public.mine (x int)",
            b"SET ROLE postgres",
            b"COPY (SELECT 1) TO PROGRAM 'id'",
            b"SELECT pg_read_file('/run/secrets/password')",
            b"SELECT * FROM pg_authid",
        ):
            with pytest.raises((errors.InsufficientPrivilege, errors.UndefinedObject)):
                connection.execute(statement)


PROBES = (
    "o'r'1'='1",
    "x'; DROP TABLE chatmail.account; --",
    "back\\\\slash",
    "$1$2$3$4",
    "%s%s%(x)s",
    "nul\0octet",
    "\xff\xfe",
)


@pytest.mark.parametrize("probe", PROBES)
def test_c5_whatever_a_name_holds_it_is_a_name(project: Project, probe: str) -> None:
    with psycopg.connect(project.owner_url) as owner:
        before = owner.execute("SELECT count(*) FROM chatmail.account").fetchone()
        with Reader(project, "probe", is_logged_in=False) as reader:
            answer = reader.command(f'LOGIN "{probe}@{project.domain}" "{probe}{probe}"')
            assert re.match(rb"a1 (NO|BAD)", answer.splitlines()[-1]), answer
            assert b"UNAVAILABLE" not in answer, "our own failure"
            assert b" OK " in reader.command("NOOP")
        with smtplib.SMTP(project.address, 25, "tests.test", timeout=10) as client:
            client.ehlo()
            client.docmd("MAIL", "FROM:<somebody@elsewhere.test>")
            client.send(f"RCPT TO:<{probe}@{project.domain}>\r\n".encode())
            code, _ = client.getreply()
            assert 500 <= code < 600, code
        assert owner.execute("SELECT count(*) FROM chatmail.account").fetchone() == before
