/** Stands for the check of the option `cluster`, which this package does not have. */
export function clusterAdapter(): void {}
