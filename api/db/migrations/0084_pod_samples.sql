-- release: 0.2.0
-- phase: pre
--
-- Each pod's word about itself, written anew each second, and the place where an operator asks a gateway to drain.
-- Unlogged: a second after a crash all pods have written again, and nothing of it goes to a standby. Half-empty pages
-- and no second index, so that each write is a heap-only update.
CREATE UNLOGGED TABLE pod_samples (
    kind         text NOT NULL CHECK (kind IN ('api', 'gateway')),
    pod          text NOT NULL CHECK (length(pod) <= 220),
    version      text NOT NULL CHECK (length(version) <= 64),
    started_at   timestamptz NOT NULL,
    sampled_at   timestamptz NOT NULL,
    -- figures as JSON: counters since the pod began, gauges as they are
    sample       text NOT NULL CHECK (length(sample) <= 16384),
    -- an operator wants this gateway empty; a new process under the name begins without it
    drain_wanted boolean NOT NULL DEFAULT false,
    -- the last word of a process of this name that ended without a farewell
    lost_at      timestamptz,
    PRIMARY KEY (kind, pod)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 1000);
