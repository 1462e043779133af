"""user-login-manager: log in and out, and who a token belongs to."""

from typing import Annotated

from fastapi import APIRouter, Cookie, Form, HTTPException, Request, Response

from local.scanhub.accounts import LOGIN_LIMIT_S
from local.scanhub.dependencies import StandInDep, UserDep, refuse_user
from local.scanhub.models import Role, User

router = APIRouter(prefix="/api/v1/userlogin")

COOKIE = "access_token"
COOKIE_PATH = "/api/v1/userlogin/loginfromcookie"


@router.post("/login")
def log_in(
    username: Annotated[str, Form()],
    password: Annotated[str, Form()],
    stand_in: StandInDep,
    request: Request,
    response: Response,
) -> User:
    """Log in; a user who is logged in gets the same token again."""
    user = stand_in.accounts.log_in(username, password)
    if user is None:
        refuse_user("Invalid authentication credentials")
    response.set_cookie(
        COOKIE,
        user.access_token,
        max_age=LOGIN_LIMIT_S,
        path=COOKIE_PATH,
        # Not every browser keeps a secure one of a loopback that has no TLS.
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="strict",
    )
    return user


@router.post("/loginfromcookie")
def log_in_from_cookie(
    stand_in: StandInDep, access_token: Annotated[str | None, Cookie(alias=COOKIE)] = None
) -> User:
    """Return the user that the cookie of a login names, with the token."""
    if access_token is None:
        refuse_user("Missing token.")
    user = stand_in.accounts.check_token(access_token)
    if user is None:
        refuse_user("Invalid token.")
    return user.model_copy(update={"access_token": access_token, "token_type": "bearer"})


@router.post("/logout")
def log_out(user: UserDep, stand_in: StandInDep, response: Response) -> None:
    """End the user's session everywhere, at once."""
    stand_in.accounts.log_out(user.username)
    response.delete_cookie(COOKIE, path=COOKIE_PATH)


@router.get("/getcurrentuser")
def get_current_user(user: UserDep) -> User:
    """Return the caller, without the token."""
    return user


@router.get("/checknousers")
def check_no_users() -> bool:
    """Tell whether nobody can log in yet."""
    return False


@router.post("/createfirstuser", status_code=201)
def create_first_user(first_user: User) -> None:
    """Refuse: there are users."""
    if first_user.role != Role.ADMIN:
        raise HTTPException(400, "Role of first user should be admin!")
    raise HTTPException(400, "There is already a user in the system!")
