// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Queue
{
    public readonly KMutex Mu = new();

    [MustHold("Mu")]
    public int Pop() => 1;

    int A(Queue other)
    {
        int x = Pop();
        int y = other.Pop();
        return x + y;
    }

    int B() => Pop();
}
// ==== fixed
class Queue
{
    public readonly KMutex Mu = new();

    [MustHold("Mu")]
    public int Pop() => 1;

    int A(Queue other)
    {
        Mu.Lock();
        try
        {
            int x = Pop();
            other.Mu.Lock();
            try
            {
                int y = other.Pop();
                return x + y;
            }
            finally
            {
                other.Mu.Unlock();
            }
        }
        finally
        {
            Mu.Unlock();
        }
    }

    int B()
    {
        Mu.Lock();
        try
        {
            return Pop();
        }
        finally
        {
            Mu.Unlock();
        }
    }
}
