"""Which words do tickets and their clocks share?"""

from typing import Literal, TypeAlias

TicketKind: TypeAlias = Literal["request", "complaint", "question", "incident", "idea", "internal"]
Priority: TypeAlias = Literal["low", "normal", "high", "urgent"]
StatusSet: TypeAlias = Literal["new", "open", "pending", "on_hold"]  # what can be set; the other two have events of their own
Status: TypeAlias = Literal["new", "open", "pending", "on_hold", "resolved", "closed"]
Metric: TypeAlias = Literal["first_reply", "next_reply", "update", "requester_wait", "agent_work", "resolution", "acknowledgement", "requested_time"]
