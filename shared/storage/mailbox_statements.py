"""The statements of `mailboxes`, each asking for many items at once; `ix` is the item's number from 1."""

INLINE_LIMIT = 64 * 1024  # octets of a message that travel inside a FETCH batch; larger ones are read in slices

USUAL_HEADER = 8 * 1024  # octets to reckon with for a header block

NAMES = b"""
SELECT q.ix, b.name FROM unnest(%b::bigint[]) WITH ORDINALITY q(account_id, ix)
JOIN chatmail.mailbox b ON b.account_id = q.account_id
"""

STATUS = b"""
SELECT q.ix, b.id, b.uidvalidity, b.uidnext, b.messages,
    m.unseen, b.bytes, m.deleted, m.deleted_size, b.modseq
FROM unnest(%b::bigint[], %b::text[]) WITH ORDINALITY q(account_id, name, ix)
JOIN chatmail.mailbox b ON b.account_id = q.account_id AND b.name = q.name
CROSS JOIN LATERAL (SELECT count(*) FILTER (WHERE m.flags & 1 = 0) AS unseen,
        count(*) FILTER (WHERE m.flags & 8 <> 0) AS deleted,
        coalesce(sum(m.size) FILTER (WHERE m.flags & 8 <> 0), 0)::bigint AS deleted_size
    FROM chatmail.message m WHERE m.mailbox_id = b.id) m
"""

# One snapshot: what is not among the newest is what the mailbox counts besides them. A limit of NULL is none.
SNAPSHOT = b"""
SELECT q.ix, b.id, b.uidvalidity, b.uidnext, b.modseq, b.messages, m.uids, m.flags, b.keywords
FROM unnest(%b::bigint[], %b::text[], %b::int[]) WITH ORDINALITY q(account_id, name, newest, ix)
JOIN chatmail.mailbox b ON b.account_id = q.account_id AND b.name = q.name
JOIN chatmail.account a ON a.id = b.account_id
    AND NOT EXISTS (SELECT FROM chatmail.barred x WHERE x.address = a.address)
CROSS JOIN LATERAL (SELECT array_agg(m.uid ORDER BY m.uid) AS uids,
        array_agg(m.flags | coalesce(m.keywords, 0) ORDER BY m.uid) AS flags
    FROM (SELECT n.uid, n.flags, n.keywords FROM chatmail.message n WHERE n.mailbox_id = b.id
        ORDER BY n.uid DESC LIMIT q.newest) m) m
"""

OLDER = b"""
SELECT q.ix, m.uids, m.flags, m.marked, x.uids
FROM unnest(%b::bigint[], %b::bigint[], %b::bigint[]) WITH ORDINALITY q(mailbox_id, before, since, ix)
JOIN chatmail.mailbox b ON b.id = q.mailbox_id
CROSS JOIN LATERAL (SELECT array_agg(m.uid ORDER BY m.uid) AS uids,
        array_agg(m.flags | coalesce(m.keywords, 0) ORDER BY m.uid) AS flags,
        array_agg(m.uid ORDER BY m.uid) FILTER (WHERE m.modseq > q.since) AS marked
    FROM chatmail.message m WHERE m.mailbox_id = b.id AND m.uid < q.before) m
CROSS JOIN LATERAL (SELECT array_agg(c.uid ORDER BY c.uid) AS uids
    FROM (SELECT unnest(c.uids) AS uid FROM chatmail.mailbox_change c
        WHERE c.mailbox_id = b.id AND c.modseq > q.since AND c.is_expunge) c WHERE c.uid < q.before) x
"""

QUOTA = b"""
SELECT q.ix, sum(b.bytes)::bigint, a.quota, sum(b.messages)::bigint
FROM unnest(%b::bigint[]) WITH ORDINALITY q(account_id, ix)
JOIN chatmail.account a ON a.id = q.account_id JOIN chatmail.mailbox b ON b.account_id = a.id GROUP BY q.ix, a.quota
"""

# Arrays of rows: (UID, flags, microseconds since it came) of what arrived, (UID, flags, modseq) of what was flagged;
# then what was expunged. Each is asked for by itself: most looks find what arrived and nothing else.
CHANGES = b"""
SELECT q.ix, b.modseq, b.uidnext, b.keywords,
    ARRAY(SELECT ARRAY[m.uid, m.flags | coalesce(m.keywords, 0),
            (date_part('epoch', clock_timestamp() - coalesce(m.saved, m.arrived)) * 1000000)::bigint]
        FROM chatmail.message m WHERE m.mailbox_id = b.id AND m.uid >= q.uidnext ORDER BY m.uid),
    ARRAY(SELECT ARRAY[m.uid, m.flags | coalesce(m.keywords, 0), m.modseq]
        FROM chatmail.message m WHERE m.mailbox_id = b.id AND m.uid < q.uidnext AND m.uid = ANY (ARRAY(
            SELECT unnest(c.uids) FROM chatmail.mailbox_change c
                WHERE c.mailbox_id = b.id AND c.modseq > q.since AND NOT c.is_expunge)) ORDER BY m.uid),
    ARRAY(SELECT unnest(c.uids) FROM chatmail.mailbox_change c
        WHERE c.mailbox_id = b.id AND c.modseq > q.since AND c.is_expunge)
FROM unnest(%b::bigint[], %b::bigint[], %b::bigint[]) WITH ORDINALITY q(mailbox_id, since, uidnext, ix)
JOIN chatmail.mailbox b ON b.id = q.mailbox_id
JOIN chatmail.account a ON a.id = b.account_id
    AND NOT EXISTS (SELECT FROM chatmail.barred x WHERE x.address = a.address)
"""

# A header block is a slice of the body: EXTERNAL storage reads it without the rest.
FETCH = b"""
SELECT q.ix, m.uid, m.flags | coalesce(m.keywords, 0), m.modseq, m.size,
    floor(date_part('epoch', coalesce(m.dated, m.arrived)))::bigint,
    floor(date_part('epoch', coalesce(m.saved, m.arrived)))::bigint, m.body_id, b.header_size,
    CASE WHEN q.what & 2 = 2 AND m.size <= %b THEN b.data
        WHEN q.what & 1 = 1 THEN substring(b.data FOR b.header_size) END
FROM unnest(%b::int[], %b::bigint[], %b::bigint[], %b::smallint[]) q(ix, mailbox_id, uid, what)
JOIN chatmail.message m ON m.mailbox_id = q.mailbox_id AND m.uid = q.uid
JOIN chatmail.body b ON b.id = m.body_id
"""

READ = b"""
SELECT q.ix, substring(b.data FROM q.start + 1 FOR q.length)
FROM unnest(%b::bigint[], %b::bigint[], %b::int[], %b::int[]) WITH ORDINALITY q(mailbox_id, uid, start, length, ix)
JOIN chatmail.message m ON m.mailbox_id = q.mailbox_id AND m.uid = q.uid
JOIN chatmail.body b ON b.id = m.body_id
"""

MARK = b"""
SELECT mailbox_id, uid, flags, modseq, latest
FROM chatmail.change_flags(%b::bigint[], %b::bigint[], %b::bigint[], %b::bigint[], %b::bigint[])
"""

# No index leads from modseqs to messages: every change of a flag would pay for it.
CHANGED_SINCE = b"""
SELECT q.ix, array_agg(m.uid ORDER BY m.uid)
FROM unnest(%b::bigint[], %b::bigint[]) WITH ORDINALITY q(mailbox_id, since, ix)
JOIN chatmail.message m ON m.mailbox_id = q.mailbox_id AND m.modseq > q.since GROUP BY q.ix
"""

# `flags & 8 <> 0` as the index on what is deleted has it.
DELETED = b"""
SELECT q.ix, b.modseq, ARRAY(SELECT m.uid FROM chatmail.message m
    WHERE m.mailbox_id = b.id AND m.uid < q.before AND m.flags & 8 <> 0 ORDER BY m.uid)
FROM unnest(%b::bigint[], %b::bigint[]) WITH ORDINALITY q(mailbox_id, before, ix)
JOIN chatmail.mailbox b ON b.id = q.mailbox_id
"""

EXPUNGE = b"SELECT mailbox_id, uid, modseq FROM chatmail.expunge(%b::bigint[], %b::bigint[])"

SAW_MAILBOXES = b"SELECT chatmail.saw_mailboxes(%b::bigint[])"
