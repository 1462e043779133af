import { type ReactNode, useState } from "react";
import { logIn, type LoginOutcome } from "../api/login";
import { Dialog } from "../parts/Dialog";
import { useText } from "../text/language";

/** A form over the page, which stays as it is behind it. */
export function Login({ hasEnded }: { hasEnded: boolean }): ReactNode {
  const text = useText();
  const [outcome, setOutcome] = useState<LoginOutcome | "asking" | null>(null);
  const messages: Partial<Record<LoginOutcome | "asking", string>> = {
    wrong: text.loginWrong,
    busy: text.loginBusy,
    off: text.loginOff,
    failed: text.loginFailed,
    asking: text.loggingIn,
  };
  const submit = async (form: HTMLFormElement): Promise<void> => {
    const given = new FormData(form);
    setOutcome("asking");
    setOutcome(await logIn(String(given.get("username")), String(given.get("password"))));
  };
  return (
    <Dialog title={text.logIn}>
      {hasEnded && <p>{text.loginAgain}</p>}
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (outcome !== "asking") void submit(event.currentTarget);
        }}
      >
        <label>
          {text.username}
          <input name="username" autoComplete="username" required maxLength={255} autoCapitalize="none" spellCheck={false} />
        </label>
        <label>
          {text.password}
          <input name="password" type="password" autoComplete="current-password" required maxLength={1024} />
        </label>
        <p role="status">{outcome ? messages[outcome] : ""}</p>
        <div className="buttons">
          <button type="submit" disabled={outcome === "asking"}>
            {text.logIn}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
