// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

var worker = MakeWorker();
worker.Locked(); // KS1003
worker.Mu.Lock();
worker.Locked();
worker.Mu.Unlock();

static Worker MakeWorker() => new();

class Worker
{
    public readonly KMutex Mu = new();

    [MustHold("Mu")]
    public void Locked()
    {
    }
}
