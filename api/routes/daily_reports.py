"""Daily reports over HTTP: a till hands in its totals of a business day, the shop reads them."""

from datetime import date
from uuid import UUID

import orjson
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from api.core.paging import no_cursor, read_report_cursor, write_report_cursor
from api.db.reports import list_reports, shop_today, store_report
from api.http.answer import json_answer, ready_json
from api.http.body import Day, parse_date, query_date, read_object, wrong_fields
from api.http.documents.money import ReportList, ReportStored
from api.http.guard import Guard, unknown_tenant
from backbone.contract.errors import FieldError
from backbone.contract.keys import KeyKind
from backbone.eventlog.postgres import Database
from backbone.runtime.routes import DescribedRoute, Query, RouteDoc

DEFAULT_DAYS = 31
MAX_DAYS = 366


class DailyReportBody(BaseModel):
    """A till's totals of a business day: what they are called is the shop's affair."""

    model_config = ConfigDict(extra="allow")

    business_date: Day = Field(alias="businessDate")


_STORE = RouteDoc(
    "Daily reports",
    "Hand in a till's totals of a business day.",
    (KeyKind.TERMINAL,),
    ReportStored,
    201,
    says="A second report of the same terminal and date replaces the first.",
    body=DailyReportBody,
)
_DATE = {"type": "string", "format": "date"}
_LIST = RouteDoc(
    "Daily reports",
    "The reports of some days, newest first.",
    (KeyKind.STOREFRONT, KeyKind.OPERATOR),
    ReportList,
    says="A page has about a mebibyte of totals at most; the end is where `next` is null.",
    query=(
        Query("after", "The `next` of an earlier answer, asked with the same days.", {"type": "string"}),
        Query("from", f"The first day; by default {DEFAULT_DAYS} days before `to`.", _DATE),
        Query(
            "to",
            f"The last day, at most {MAX_DAYS} after `from`; by default today, where the shop is.",
            _DATE,
        ),
    ),
)


class DailyReportRoutes:
    """The two routes."""

    def __init__(self, guard: Guard, reads: Database, writes: Database) -> None:
        self._guard = guard
        self._reads = reads
        self._writes = writes

    def routes(self) -> list[DescribedRoute]:
        """Where they are."""
        path = "/api/tenant/{tenant}/daily-reports"
        return [
            DescribedRoute("POST", path, self.store, _STORE),
            DescribedRoute("GET", path, self.list, _LIST),
        ]

    async def store(self, request: Request) -> Response:
        """`POST /api/tenant/{tenant}/daily-reports`."""
        caller = await self._guard.authorize(request)
        totals = await read_object(request)
        try:
            day = parse_date(totals.pop("businessDate", None))
        except ValueError as exc:
            raise wrong_fields([FieldError("businessDate", str(exc))]) from None
        try:
            text = orjson.dumps(totals).decode()
        except orjson.JSONEncodeError:
            raise wrong_fields([FieldError("body", "is nested too deeply")]) from None
        await store_report(self._writes, caller.tenant, caller.device, day, text)
        return json_answer({"terminalId": str(caller.device), "businessDate": day}, 201)

    async def list(self, request: Request) -> Response:
        """`GET /api/tenant/{tenant}/daily-reports`: by default the last 31 days."""
        caller = await self._guard.authorize(request)
        last = query_date(request, "to") or await shop_today(self._reads, caller.tenant)
        if last is None:
            raise unknown_tenant()
        first = _first_day(request, last)
        after = request.query_params.get("after")
        behind = None if after is None else _place(after)
        page = await list_reports(self._reads, caller.tenant, first, last, behind)
        if page is None:
            raise unknown_tenant()
        reports, more = page
        end = reports[-1] if more else None
        return json_answer(
            {
                "reports": [
                    {
                        "terminalId": str(report.terminal_id),
                        "terminalName": report.name,
                        "businessDate": report.business_date,
                        "receivedAt": report.received_at,
                        "totals": ready_json(report.totals),
                    }
                    for report in reports
                ],
                "next": None
                if end is None
                else write_report_cursor(str(end.business_date), str(end.terminal_id)),
            }
        )


def _place(after: str) -> tuple[date, UUID]:
    day, terminal = read_report_cursor(after)
    try:
        return date.fromisoformat(day), UUID(terminal)
    except ValueError:
        raise no_cursor() from None


def _first_day(request: Request, last: date) -> date:
    first = query_date(request, "from") or date.fromordinal(max(1, last.toordinal() - DEFAULT_DAYS))
    if first > last:
        raise wrong_fields([FieldError("from", "must not be later than `to`")])
    if (last - first).days > MAX_DAYS:
        raise wrong_fields([FieldError("from", f"must be at most {MAX_DAYS} days before `to`")])
    return first
