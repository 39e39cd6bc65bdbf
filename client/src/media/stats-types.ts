/** Figures for the panels; a field is undefined where the browser does not tell it (yet). */
export interface MediaStats {
  readonly width: number | undefined;
  readonly height: number | undefined;
  readonly framesPerSecond: number | undefined;
  /** kbit/s of video and audio together over the last interval. */
  readonly bitrateKbps: number | undefined;
  readonly roundTripMs: number | undefined;
  /** Lost packets over the last interval, 0 to 1. */
  readonly lossFraction: number | undefined;
  /** Viewer only: frames that were received and not shown, since the start. */
  readonly framesDropped: number | undefined;
  readonly codec: string | undefined;
}
