// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Box
{
    public readonly KMutex Mu = new();

    [GuardedBy("Mu")]
    public int Value;
}

static class BoxExtensions
{
    extension(Box box)
    {
        [MustHold("box.Mu")]
        public int Read() => box.Value;

        [Acquires("box.Mu")]
        public void Enter() => box.Mu.Lock();

        [Releases("box.Mu")]
        public void Leave() => box.Mu.Unlock();

        public int Raw() => box.Value; // KS1001

        [MustHold("box.Mu")]
        public int Twice => box.Value * 2;
    }

    [MustHold("b.Mu")]
    public static int Old(this Box b) => b.Value;
}

class User
{
    void A(Box b)
    {
        b.Read(); // KS1003
        b.Enter();
        b.Read();
        UseInt(b.Twice);
        b.Old();
        b.Leave();
        UseInt(b.Twice); // KS1003
        b.Old(); // KS1003
        BoxExtensions.Old(b); // KS1003
    }

    void B(Box b, Box other)
    {
        b.Enter();
        other.Read(); // KS1003
        BoxExtensions.Read(b);
        BoxExtensions.Leave(b);
        BoxExtensions.Read(b); // KS1003
    }

    void C(Box b)
    {
        b.Enter();
    } // KS1007
}
