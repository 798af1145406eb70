// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

[MustCheck]
enum Status
{
    Ok,
    Bad,
}

[MustCheck]
readonly struct Outcome
{
}

class Dev
{
    public static Status Write() => Status.Ok;

    public static Outcome Read() => default;

    void A()
    {
        Write(); // KS4001
        Read(); // KS4001
        if (Write() == Status.Ok)
            UseInt(1);
    }
}
