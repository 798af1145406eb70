// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

using System;
using System.Runtime.CompilerServices;
using System.Threading.Tasks;

class Job
{
    public readonly object Mu = new();

    [MustHold("Mu")]
    public Awaiter GetAwaiter() => default;
}

struct Awaiter : INotifyCompletion
{
    public bool IsCompleted => true;

    public void OnCompleted(Action continuation)
    {
    }

    public void GetResult()
    {
    }
}

class Work
{
    async Task A(Job job)
    {
        await job; // KS1003
    }
}
