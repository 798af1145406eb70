// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

readonly struct Handle
{
    public readonly int Word;

    public Handle(int word) => Word = word;

    public bool IS_NULL => Word == 0;

    public static implicit operator int(Handle h) => h.Word;
}

class Maker
{
    [MustCheck]
    public static Handle Make() => new Handle(1);

    int Field()
    {
        Handle h = Make();
        return h.Word;
    }

    bool Property()
    {
        Handle h = Make();
        return h.IS_NULL;
    }

    int Method()
    {
        Handle h = Make();
        return h.GetHashCode();
    }

    int Operator()
    {
        Handle h = Make();
        return h;
    }
}
