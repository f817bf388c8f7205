-- A till's totals of a business day; a second report of the same till and day replaces the first.

CREATE TABLE pos_daily_reports (
    tenant        text NOT NULL,
    terminal_id   uuid NOT NULL,
    business_date date NOT NULL,
    totals        text NOT NULL CHECK (octet_length(totals) <= 65536),
    received_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, business_date, terminal_id),
    FOREIGN KEY (tenant, terminal_id) REFERENCES terminals (tenant, terminal_id)
);
