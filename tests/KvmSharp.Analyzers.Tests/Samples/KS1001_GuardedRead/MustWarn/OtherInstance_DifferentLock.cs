// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Account
{
    public readonly object Gate = new();
    [GuardedBy("Gate")] public int Balance;

    public int Total(Account other)
    {
        lock (Gate)
        {
            return Balance
                + other.Balance; // KS1001
        }
    }

    public int Mine(Account other)
    {
        lock (other.Gate)
        {
            return other.Balance
                + Balance; // KS1001
        }
    }
}
