"""user-login-manager: log in, and who a token belongs to."""

from typing import Annotated

from fastapi import APIRouter, Form, HTTPException, Response

from local.scanhub.dependencies import StandInDep, UserDep
from local.scanhub.models import User

router = APIRouter(prefix="/api/v1/userlogin")


@router.post("/login")
def log_in(
    username: Annotated[str, Form()],
    password: Annotated[str, Form()],
    stand_in: StandInDep,
    response: Response,
) -> User:
    """Log in; a user who is logged in gets the same token again."""
    user = stand_in.accounts.log_in(username, password)
    if user is None:
        raise HTTPException(401, "Invalid authentication credentials")
    response.set_cookie(
        "access_token",
        user.access_token,
        path="/api/v1/userlogin/loginfromcookie",
        secure=True,
        httponly=True,
        samesite="strict",
    )
    return user


@router.get("/getcurrentuser")
def get_current_user(user: UserDep) -> User:
    """Return the caller, without the token."""
    return user
