import { useQueryClient } from "@tanstack/react-query";
import { lazy, type ReactNode, Suspense, useEffect, useState } from "react";
import { Link, Route, Router, Switch, useLocation } from "wouter";
import { useHashLocation } from "wouter/use-hash-location";
import { logInByCookie } from "./api/login";
import { touch, useIsPaused } from "./api/polling";
import { getSession, logOut, onOtherUser, useSession } from "./api/session";
import { findLanguage, type Language, LanguageContext, TEXTS, useText } from "./text/language";
import { Me } from "./parts/may";
import { Login } from "./views/Login";
import { Now } from "./views/Now";
import { RunView } from "./views/RunView";
import { WorkflowView } from "./views/WorkflowView";

const Upload = lazy(async () => ({ default: (await import("./views/Upload")).Upload }));
const Inbox = lazy(async () => ({ default: (await import("./views/Inbox")).Inbox }));
const TOUCHES = ["pointerdown", "keydown"] as const;

function Paused(): ReactNode {
  const text = useText();
  const queries = useQueryClient();
  const isPaused = useIsPaused();
  useEffect(() => {
    // Whatever somebody touches ends the pause, the button among it: no question would follow by itself.
    if (!isPaused) void queries.invalidateQueries();
  }, [isPaused, queries]);
  if (!isPaused) return null;
  return (
    <p role="status" className="failure">
      {text.paused}{" "}
      <button type="button" onClick={() => touch()}>
        {text.resume}
      </button>
    </p>
  );
}

interface Chosen {
  language: Language;
  theme: string;
  onLanguage: () => void;
  onTheme: () => void;
}

function Header({ language, theme, onLanguage, onTheme }: Chosen): ReactNode {
  const text = useText();
  const session = useSession();
  return (
    <header>
      <nav>
        <Link href="/">{text.now}</Link>
        <Link href="/upload">{text.upload.title}</Link>
        <Link href="/inbox">{text.inbox.title}</Link>
      </nav>
      <span className="buttons">
        {session.status === "in" && <Me username={session.username} />}
        <button type="button" lang={language === "en" ? "de" : "en"} onClick={onLanguage}>
          {text.language}
        </button>
        <button type="button" onClick={onTheme}>
          {theme === "dark" ? text.light : text.dark}
        </button>
        {session.status === "in" && (
          <button type="button" onClick={logOut}>
            {text.logOut}
          </button>
        )}
      </span>
    </header>
  );
}

function Missing(): ReactNode {
  const text = useText();
  return (
    <>
      <h1>{text.notFound}</h1>
      <Link href="/">{text.back}</Link>
    </>
  );
}

function Pages(): ReactNode {
  const [location] = useLocation();
  const text = useText();
  // Each page begins anew: what one did on another is not said here.
  return (
    <Suspense fallback={<p role="status">{text.loading}</p>}>
      <Switch key={location}>
        <Route path="/">
          <Now />
        </Route>
        <Route path="/workflows/:id">{({ id }) => <WorkflowView id={id} />}</Route>
        <Route path="/dag_runs/:id">{({ id }) => <RunView id={id} />}</Route>
        <Route path="/upload/:workflow/:task">{({ workflow, task }) => <Upload workflowId={workflow} taskId={task} />}</Route>
        <Route path="/upload">
          <Upload />
        </Route>
        <Route path="/inbox">
          <Inbox />
        </Route>
        <Route>
          <Missing />
        </Route>
      </Switch>
    </Suspense>
  );
}

export function App(): ReactNode {
  const session = useSession();
  const queries = useQueryClient();
  const [language, setLanguage] = useState(() => findLanguage(localStorage.getItem("language"), navigator.languages));
  const [theme, setTheme] = useState(document.documentElement.dataset["theme"] ?? "dark");
  const text = TEXTS[language];
  // Whoever comes back after an end sees the page as it was; before the first login there is none.
  const hasPage = session.status === "in" || session.hasEnded;
  useEffect(() => {
    document.documentElement.lang = language;
    document.title = text.title;
    localStorage.setItem("language", language);
  }, [language, text]);
  useEffect(() => {
    document.documentElement.dataset["theme"] = theme;
    localStorage.setItem("theme", theme);
  }, [theme]);
  useEffect(() => {
    const somebody = (): void => touch();
    for (const name of TOUCHES) addEventListener(name, somebody);
    void logInByCookie();
    return () => TOUCHES.forEach((name) => removeEventListener(name, somebody));
  }, []);
  useEffect(() => {
    // Whoever has logged in anew on ScanHub's own page comes back to this one, where an upload may wait.
    const look = (): void => {
      if (getSession().status === "out" && getSession().hasEnded) void logInByCookie();
    };
    addEventListener("focus", look);
    return () => removeEventListener("focus", look);
  }, []);
  useEffect(() => onOtherUser(() => queries.clear()), [queries]);
  useEffect(() => {
    if (session.status === "in") void queries.invalidateQueries();
  }, [session.status, queries]);
  return (
    <LanguageContext value={language}>
      <Router hook={useHashLocation}>
        <a
          className="skip"
          href="#main"
          onClick={(event) => {
            // The fragment names the view.
            event.preventDefault();
            document.getElementById("main")?.focus();
          }}
        >
          {text.skip}
        </a>
        <Header
          language={language}
          theme={theme}
          onLanguage={() => setLanguage(language === "en" ? "de" : "en")}
          onTheme={() => setTheme(theme === "dark" ? "light" : "dark")}
        />
        <main id="main" tabIndex={-1}>
          <Paused />
          {hasPage ? <Pages key={session.username} /> : <h1>{text.title}</h1>}
        </main>
        {session.status === "out" && <Login hasEnded={session.hasEnded} />}
      </Router>
    </LanguageContext>
  );
}
