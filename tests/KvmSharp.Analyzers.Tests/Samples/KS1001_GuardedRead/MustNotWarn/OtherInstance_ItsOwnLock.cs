// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Account
{
    public readonly object Gate = new();
    [GuardedBy("Gate")] public int Balance;

    public static int Total(Account a, Account b)
    {
        lock (a.Gate)
        {
            lock (b.Gate)
            {
                return a.Balance + b.Balance;
            }
        }
    }

    public int Both(Account other)
    {
        lock (this.Gate)
            lock (other.Gate)
                return this.Balance + other.Balance + Balance;
    }
}
