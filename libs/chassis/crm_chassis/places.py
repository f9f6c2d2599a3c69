"""Where did an error come from? Its frames, without its message: that may quote what somebody sent."""

import traceback


def places(error: BaseException) -> list[str]:
    """The innermost twelve, each `package/file.py:line function`."""
    return ["/".join(frame.filename.split("/")[-2:]) + f":{frame.lineno} {frame.name}" for frame in traceback.extract_tb(error.__traceback__)][-12:]
