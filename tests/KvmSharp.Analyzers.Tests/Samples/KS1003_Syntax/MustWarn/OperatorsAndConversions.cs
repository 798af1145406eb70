// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Money
{
    public static readonly object Rates = new();

    public decimal Amount;

    [MustHold("Rates")]
    public static Money operator *(Money money, decimal rate) => money;

    [MustHold("Rates")]
    public static explicit operator decimal(Money money) => money.Amount;

    [MustHold("Rates")]
    public static bool operator ==(Money a, Money b) => true;

    public static bool operator !=(Money a, Money b) => false;

    public override bool Equals(object? other) => false;

    public override int GetHashCode() => 0;
}

class User
{
    void M(Money money)
    {
        Use(money * 2); // KS1003
        Use((decimal)money); // KS1003
        Use(money == money); // KS1003
        Use(money != money);
        money *= 3; // KS1003
        lock (Money.Rates)
        {
            Use(money * 2);
            money *= 3;
            Use((decimal)money == 1);
        }
    }
}
