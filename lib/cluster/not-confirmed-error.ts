/** What an application is told when other processes do not answer. */

/**
 * Some processes of the cluster have not confirmed what was asked of them: `router.to(room).close()` and
 * `router.cluster.synced()` reject with it.
 *
 * @experimental It may change in any release.
 */
export class NotConfirmedError extends Error {
  override readonly name = 'NotConfirmedError';
  /** Their ids. */
  readonly nodeIds: readonly string[];

  constructor(nodeIds: readonly string[]) {
    super(`sockjs: not confirmed by ${nodeIds.join(', ')}`);
    this.nodeIds = nodeIds;
  }
}
