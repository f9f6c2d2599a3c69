"""Which figures are there?"""

from collections.abc import Mapping

from crm_reporting.kpis import buying, loyalty, service
from crm_reporting.kpis.definition import Kpi

KPIS: Mapping[str, Kpi] = {
    kpi.name: kpi
    for kpi in (
        service.CSAT,
        buying.RETENTION,
        buying.CHURN,
        buying.NEW,
        buying.REPEAT,
        buying.INTERVAL,
        buying.REPEAT_REVENUE,
        buying.INTERACTIONS,
        service.FIRST_REPLY,
        service.RESOLUTION,
        service.SLA,
        service.COMPLAINTS,
        loyalty.EARN,
        loyalty.REDEMPTION,
        loyalty.DISCOUNT,
        buying.REVENUE,
        buying.RFM,
    )
}
