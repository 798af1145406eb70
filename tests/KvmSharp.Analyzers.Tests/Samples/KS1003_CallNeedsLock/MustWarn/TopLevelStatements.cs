// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

var worker = Worker.Make();
worker.Locked(); // KS1003
worker.Mu.Lock();
worker.Locked();
worker.Mu.Unlock();

class Worker
{
    public readonly KMutex Mu = new();

    public static Worker Make() => new();

    [MustHold("Mu")]
    public void Locked()
    {
    }
}
