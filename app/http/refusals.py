"""What is refused before any module sees a request, or in place of its answer."""

from app.kernel.refusal import Refusal


class MalformedRequest(Refusal):
    """The bytes are not what they should be: answered before any module sees them."""

    status = 400
    code = "malformed_json"
    title = "The body is not JSON."


class MalformedHttp(MalformedRequest):
    code = "malformed_request"
    title = "The request is not valid HTTP."


class BodyTooLarge(MalformedRequest):
    status = 413
    code = "body_too_large"
    title = "The body is over 64 KiB."


class HeadTooLarge(MalformedRequest):
    status = 431
    code = "headers_too_large"
    title = "The request line and headers are over 64 KiB."


class TargetTooLong(MalformedRequest):
    status = 414
    code = "target_too_long"
    title = "The query is over 16 KiB, or has over 100 parameters."


class WrongContentType(MalformedRequest):
    status = 415
    code = "unsupported_media_type"
    title = "The body's content type is not the one that this call takes."


class TooSlow(MalformedRequest):
    status = 408
    code = "request_timeout"
    title = "The body took too long to arrive."


class InvalidRequest(Refusal):
    code = "invalid_request"
    title = "Some fields will not do."


class MethodNotAllowed(MalformedRequest):
    status = 405
    code = "method_not_allowed"
    title = "This path does not take that method."


class InternalError(Refusal):
    code = "internal_error"
    title = "Something went wrong on our side."
