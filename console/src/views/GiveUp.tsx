import type { ReactNode } from "react";
import { Dialog } from "../parts/Dialog";
import { Foreign } from "../parts/Small";
import { useText } from "../text/language";

export function GiveUp({ name, onLeave, onYes }: { name: string; onLeave: () => void; onYes: () => void }): ReactNode {
  const text = useText();
  return (
    <Dialog title={text.upload.giveUpTitle} onLeave={onLeave}>
      <p>
        <Foreign>{name}</Foreign>
      </p>
      <p>{text.upload.giveUpLost}</p>
      <div className="buttons">
        <button type="button" onClick={onLeave}>
          {text.cancelDialog}
        </button>
        <button type="button" className="danger" onClick={onYes}>
          {text.upload.giveUpYes}
        </button>
      </div>
    </Dialog>
  );
}
