// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

sealed class Session : IDisposable
{
    public static readonly object Gate = new();

    void IDisposable.Dispose()
    {
    }

    [MustHold("Gate")]
    public void Close()
    {
    }
}

ref struct Scope
{
    [MustHold("Session.Gate")]
    public void Dispose()
    {
    }
}

class User
{
    void A()
    {
        Scope scope = default;
        scope.Dispose(); // KS1003
        lock (Session.Gate)
            scope.Dispose();
    }

    void B(Session session) => session.Close(); // KS1003
}
