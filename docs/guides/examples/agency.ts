import { type AgencyReferral, createAgency, loadAgencyProfile } from '../../../client/index.ts';

type Log = (...parts: unknown[]) => void;

const agency = createAgency(await loadAgencyProfile('./de-kinderwacht'));

/** Works until the signal is aborted. `store` puts a referral into your case system. */
export async function work(
  store: (referral: AgencyReferral) => Promise<void>,
  signal: AbortSignal,
  log: Log,
): Promise<void> {
  await agency.run(
    {
      // Once this returns, the hotline is told "opened" and the message is gone. If it throws, the message comes back.
      // It may run twice for one referral and version if a crash comes in between.
      referral: (referral) => store(referral),
      withdrawn: ({ hotline, id, reason, handed }) => log(hotline, id, 'was withdrawn:', reason, { handed }),
    },
    { signal, report: (report) => log(report.result, 'hotline' in report ? `${report.hotline}/${report.id}` : '') },
  );
}

/** Tells the hotline what became of it, days or months later. */
export async function caseOpened(hotline: string, id: string): Promise<void> {
  await agency.answer({ hotline, id }, { status: 'actionable', reason: 'case-opened' });
}

/** For an agency that may send on: the child turns out to be in Canada. */
export async function childIsInCanada(hotline: string, id: string, log: Log): Promise<void> {
  const { unrouted } = await agency.sendOn({ hotline, id }, { suspect: [], victim: ['CA'] });
  if (unrouted?.length) log('Nobody is registered for', unrouted);
}
