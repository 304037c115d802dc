/** Stands for the cluster in the bundle. No option leads to it. */
export class ClusterNode {}
