-- What waits for one tenant costs the others nothing: whether anything changed was found by reading the changes of all,
-- as a plan made while most are of one tenant expects to find one at once.
ALTER FUNCTION rocksync.finish(bigint, text, bigint, boolean, boolean) SET enable_seqscan = off SET jit = off;
