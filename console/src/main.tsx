import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./App";
import { ApiError } from "./api/client";
import { getSession } from "./api/session";
import "./style.css";

document.documentElement.dataset["theme"] = localStorage.getItem("theme") === "light" ? "light" : "dark";

const queries = new QueryClient({
  defaultOptions: {
    queries: {
      // Without a login, nothing is asked; what is here stays.
      enabled: () => getSession().status === "in",
      retry: (n_failures, error) => error instanceof ApiError && error.isUnclear && n_failures < 2,
      refetchIntervalInBackground: false,
    },
    // What starts or ends something is sent once.
    mutations: { retry: false },
  },
});

const root = document.getElementById("root");
if (root) {
  createRoot(root).render(
    <StrictMode>
      <QueryClientProvider client={queries}>
        <App />
      </QueryClientProvider>
    </StrictMode>,
  );
}
